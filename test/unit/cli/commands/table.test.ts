/** Every command of the table, as a whole: it loads, its help is whole, completion knows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tooManyArguments } from "../../../../src/cli/argument-count.ts";
import { COMMANDS } from "../../../../src/cli/commands/table.ts";
import { complete, type CompletionSource } from "../../../../src/cli/completion.ts";
import { commandHelp } from "../../../../src/cli/help.ts";

for (const [name, entry] of Object.entries(COMMANDS)) {
  if (entry.aliasOf !== undefined) continue;
  test(`drover ${name}: usage begins with its words, every flag but -h says what it does`, async () => {
    const command = await entry.load();
    assert.ok(command.usage === name || command.usage.startsWith(`${name} `), command.usage);
    assert.match(commandHelp(command), new RegExp(`^Usage: drover ${name}`));
    for (const [flag, { about }] of Object.entries(command.flags)) assert.notEqual(about, "", `-${flag} of ${name}`);
  });
}

const source: CompletionSource = {
  ids: async (prefix, kind, flags) => [[prefix, kind, flags["namespace"]].filter((part) => part !== undefined).join("-")],
  versions: async (job) => ["0", "1", `tag-of-${job}`],
};
const completed = (line: string) => complete(line, line.length, source);

for (const [line, offered] of [
  ["drover deployment status a", "a-deployment\n"],
  ["drover deployment promote a", "a-deployment\n"],
  ["drover job why w", "w-jobs\n"],
  ["drover job tag apply w", "w-jobs\n"],
  ["drover scaling policy info 1", "1-scaling_policy\n"],
  ["drover node pool info d", "d-node_pools\n"],
  ["drover deployment list x", ""],
  ["drover job run x", ""],
  ["drover start w", "w-jobs\n"],
  ["drover job per", "periodic\n"],
  ["drover job periodic f", "force\n"],
  ["drover job revert web ", "0\n1\ntag-of-web\n"],
  ["drover job revert -detach web t", "tag-of-web\n"],
  ["drover job revert web 0 ", ""],
  ["drover job status -namespace team w", "w-jobs-team\n"],
  ["drover job status -namespace=team w", "w-jobs-team\n"],
  ["drover job status -namespace t", "t-namespaces\n"],
  ["drover job status -address ", ""],
  ["drover job status -short=false w", "w-jobs\n"],
  ["drover job status web w", ""],
  ["drover job status web -s", ""],
  ["drover job stop web w", "w-jobs\n"],
  ["drover job start -detach web w", "w-jobs\n"],
  ["drover eval delete a b", "b-evals\n"],
  ["drover alloc exec a l", ""],
  ["drover alloc exec -task s", ""],
  ["drover alloc logs -job w", "w-jobs\n"],
  ["drover alloc logs -f a", "a-allocs\n"],
  ["drover eval list -job w", "w-jobs\n"],
  ["drover help job rev", "revert\n"],
  ["drover agent x", ""],
] as const) {
  test(`completion of "${line}" offers ${JSON.stringify(offered)}`, async () => assert.equal(await completed(line), offered));
}

test("completion offers a new command's flags", async () => {
  assert.equal(await completed("drover job dispatch -id"), "-id-prefix-template\n-idempotency-token\n");
});

test("completion offers nothing when the servers refuse", async () => {
  const refusing: CompletionSource = { ids: () => Promise.reject(new Error("no")), versions: () => Promise.reject(new Error("no")) };
  for (const line of ["drover job status w", "drover job revert web "]) assert.equal(await complete(line, line.length, refusing), "");
});

for (const [usage, count, said] of [
  ["system gc", 0, undefined],
  ["system gc", 1, "This command takes no arguments"],
  ["alloc status [options] <allocation>", 1, undefined],
  ["alloc status [options] <allocation>", 2, "This command takes one argument: <allocation>"],
  ["job status [options] [<job>]", 2, "This command takes at most one argument: [<job>]"],
  ["job revert [options] <job> <version|tag>", 3, "This command takes 2 arguments: <job> <version|tag>"],
  ["job scale [options] <job> [<group>] <count>", 4, "This command takes at most 3 arguments: <job> [<group>] <count>"],
  ["job stop [options] <job> [<job> …]", 9, undefined],
  ["fmt [options] [<path>...]", 9, undefined],
] as const) {
  test(`${count} arguments for "${usage}": ${said ?? "fine"}`, () => assert.equal(tooManyArguments(usage, count), said));
}
