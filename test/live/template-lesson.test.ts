/**
 * Lesson 3 on the whole stack as a newcomer gets it (`npm run quickstart -- --stack`): what its README says works, and what is written anew and is the
 * same does nothing at all. Then nothing is left: no process, no folder.
 */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { suiteOwner } from "./parts/consul-window.ts";
import { startQuickstart, type Quickstart } from "./parts/quickstart.ts";
import { eventually, REPOSITORY } from "./real-agent.ts";
import { testScale } from "../scale.ts";

const LESSON = join(REPOSITORY, "examples", "03-template-kv-secret");
const FILES = ["local/go.txt", "local/handlebars.txt", "local/motd.txt", "secrets/login.env"];
let quickstart: Quickstart;

const skip = process.env["DROVER_SKIP_LIVE"] === "1" ? "DROVER_SKIP_LIVE" : false;
const owner = suiteOwner(after);
if (skip === false) before(async () => void (quickstart = await startQuickstart(owner)));

test("every command of the lesson does what its README says", { skip }, async () => {
  let shown = "";
  for (const block of quickstart.blocksOf(join(LESSON, "README.md"))) {
    const result = await quickstart.type(block);
    shown += result.stdout + result.stderr;
  }
  const parts = [
    /has waited \d+s for kv\.block\(lessons\/motd\), vault\.read\(secret\/default\/motd\)/,
    /^Started, with a password of 13 characters:\ngood morning\nThe password has 13 characters\.\nBoth engines wrote the same\.$/,
    /^Told of a change, with a password of 13 characters:\ngood night\nThe password has 13 characters\.\nBoth engines wrote the same\.\nTotal Restarts = 0$/,
    /^Started, with a password of 21 characters:\ngood night\nThe password has 21 characters\.\nBoth engines wrote the same\.\nTotal Restarts = 1$/,
    /^\S+ +Restart Signaled +Template with change_mode restart re-rendered$/,
    /<stdin>:\d+:\d+: .*function "kye" is not defined\. Did you mean "key"\?$/,
  ];
  assert.match(shown, new RegExp(parts.map((part) => part.source).join("[^]*"), "m"));
  assert.doesNotMatch(shown, /differ/);
});

interface Allocation {
  readonly ID: string;
  readonly TaskStates: Readonly<
    Record<string, { readonly Restarts: number; readonly Events: readonly { readonly Type: string }[] }>
  > | null;
}

test("a key and a secret that are written anew and are the same: no event, no signal, no restart, no file", { skip }, async () => {
  // The lesson's job, and a file that tells how far the node has looked since.
  const clock = `template {
        destination = "local/clock.txt"
        change_mode = "noop"
        data        = "{{ key \\"lessons/clock\\" }} {{ with secret \\"secret/default/still/clock\\" }}{{ .Data.data.round }}{{ end }}"
      }

      config {`;
  const text = readFileSync(join(LESSON, "motd.nomad.hcl"), "utf8");
  const still = text
    .replace('job "motd"', 'job "still"')
    .replaceAll("secret/default/motd", "secret/default/still")
    .replace("config {", () => clock);
  assert.equal([...still.matchAll(/still/g)].length, 5);
  const file = join(quickstart.folder, "still.nomad.hcl");
  writeFileSync(file, still);
  const write = (round: number) =>
    quickstart.type(`consul kv put lessons/motd 'the same'
bao kv put secret/default/still password=same
consul kv put lessons/clock ${round}
bao kv put secret/default/still/clock round=${round}`);
  await write(0);
  await quickstart.type(`drover job run -detach ${file}`);
  const [{ ID }] = await eventually("it to be placed", async () => {
    const found = await quickstart.get<readonly [Allocation]>("/v1/job/still/allocations");
    return found.length > 0 && found;
  });
  const folder = join(quickstart.folder, "data", "alloc", ID);
  const look = async () => {
    const { TaskStates } = await quickstart.get<Allocation>(`/v1/allocation/${ID}`);
    const { Restarts, Events } = TaskStates?.["reader"] ?? { Restarts: 0, Events: [] };
    const printed = readFileSync(join(folder, "alloc", "logs", "reader.stdout.0"), "utf8");
    // A file that is replaced by its like is another.
    const files = FILES.map((name) => statSync(join(folder, "reader", name), { bigint: true })).map(({ ino, ctimeNs }) => [ino, ctimeNs]);
    return { Restarts, events: Events.map(({ Type }) => Type), printed, files };
  };
  const begun = await eventually("it to run", async () => {
    const now = await look();
    return now.printed.includes("Both engines wrote the same") && now.events.at(-1) === "Started" && now;
  });
  assert.equal(begun.Restarts, 0);

  const rounds = 2 + Math.round(testScale());
  for (let round = 1; round <= rounds; round++) {
    await write(round);
    await eventually(
      `round ${round} to be seen`,
      () => readFileSync(join(folder, "reader", "local", "clock.txt"), "utf8") === `${round} ${round}`,
    );
  }
  assert.deepEqual(await look(), begun);

  // And it was listening all the while.
  await quickstart.type("consul kv put lessons/motd 'another'");
  let now = begun;
  const complete = "another\nThe password has 4 characters.\nBoth engines wrote the same.\n";
  const told = await eventually("the signal, and what the servers hear of it", async () => {
    now = await look();
    return now.events.length > begun.events.length && now.printed.endsWith(complete) && now;
  }).catch((error: unknown) => assert.fail(`${String(error)}\n${now.events.join(" ")}\n${now.printed}`));
  assert.deepEqual([told.Restarts, told.events.slice(begun.events.length)], [0, ["Signaling"]]);
  assert.equal([...told.printed.matchAll(/^Told of a change, with a password of 4 characters:$/gm)].length, 1);
  await quickstart.type("drover job stop -purge still");
});
