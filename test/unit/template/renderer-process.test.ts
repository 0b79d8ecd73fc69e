import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Clock } from "#ports";
import { createHostClock } from "#integrations/host";
import { createRenderer, type RenderAnswer, type Renderer, type RendererOptions } from "#template";
import { eventually } from "../../eventually.ts";
import { requestOf } from "./rendering.ts";

const ENDLESS = "{{ range loop 100000 }}{{ range loop 100000 }}{{ end }}{{ end }}";
const said = (answer: RenderAnswer): string =>
  answer.what === "rendered" ? answer.text : answer.what === "failed" ? answer.problem.code : answer.what;

/** undefined: it is gone. */
function about(pid: string, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
const stat = (pid: string): readonly string[] | undefined => about(pid, "stat")?.split(") ").at(-1)?.split(" ");
const commandLine = (pid: string): string => about(pid, "cmdline") ?? "";
const isThere = (pid: number): boolean => !["Z", "X", undefined].includes(stat(String(pid))?.[0]);

/** Processes that render for this one. */
function rendering(parent: number = process.pid): readonly number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && stat(pid)?.[1] === String(parent))
    .filter((pid) => commandLine(pid).includes("template-process"))
    .map(Number);
}

function open(context: TestContext, options: Partial<RendererOptions> = {}): Renderer {
  const renderer = createRenderer({ clock: createHostClock(), ...options });
  context.after(() => renderer.close());
  return renderer;
}

async function onlyOne(): Promise<number> {
  return await eventually("one process renders", () => {
    const [pid, ...more] = rendering();
    return pid === undefined || more.length > 0 ? undefined : pid;
  });
}

test("nothing runs before the first request, nor after a while without one", { timeout: 30_000 }, async (context) => {
  const renderer = open(context, { idleMs: 50 });
  assert.deepEqual(rendering(), []);
  for (const text of ["first", "again"]) {
    assert.equal(said(await renderer.render(requestOf(text, "go"))), text);
    await eventually("it ended by itself", () => (rendering().length === 0 ? true : undefined));
  }
});

test("work that goes on keeps the process", { timeout: 30_000 }, async (context) => {
  const idleMs = 2000;
  // Of each rendering, not of all of them.
  const renderer = open(context, { idleMs, limitMs: 2000 });
  await renderer.render(requestOf("first", "go"));
  const pid = await onlyOne();
  const startedMs = performance.now();
  while (performance.now() - startedMs < 1.5 * idleMs) assert.equal(said(await renderer.render(requestOf("x", "go"))), "x");
  assert.deepEqual(rendering(), [pid]);
});

test(
  "the process has nothing of the agent's: no environment, no output, no core, no folder, no right to write or run",
  { timeout: 30_000 },
  async (context) => {
    process.env["TEMPLATE_TEST_SECRET"] = "planted";
    context.after(() => delete process.env["TEMPLATE_TEST_SECRET"]);
    await open(context).render(requestOf("first", "go"));
    const pid = await onlyOne();
    const own = (file: string): string => about(String(pid), file) ?? "";
    const names = own("environ")
      .split("\0")
      .map((each) => each.split("=")[0])
      .filter((name) => name !== "");
    assert.deepEqual(names.toSorted(), ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "PATH", "PWD"]);
    assert.match(own("limits"), /Max core file size\s+0 /);
    assert.equal(own("oom_score_adj").trim(), "1000");
    assert.match(own("cmdline"), /--max-old-space-size=\d+\0--permission\0--allow-fs-read=\*\0--allow-worker\0/);
    assert.notEqual(stat(String(pid))?.[2], stat(String(process.pid))?.[2], "a process group of its own");
  },
);

test("a process that somebody kills is replaced, and what it was at is rendered by the next", { timeout: 30_000 }, async (context) => {
  const facts = requestOf("", "go", [["consul", "key", "a", "1"]]).facts;
  const renderer = open(context, { limitMs: 3000 });
  assert.equal(said(await renderer.render({ ...requestOf('{{ key "a" }}', "go"), facts })), "1");
  const first = await onlyOne();
  const pending = renderer.render(requestOf(ENDLESS, "go"));
  const next = renderer.render({ ...requestOf('{{ key "a" }}{{ key "a" }}', "go"), facts });
  process.kill(first, "SIGKILL");
  const second = await eventually("another renders", () => rendering().find((pid) => pid !== first));
  assert.notEqual(second, first);
  assert.equal(said(await pending), "TEMPLATE_TIMEOUT");
  assert.equal(said(await next), "11");
  process.kill(await onlyOne(), "SIGKILL");
  await eventually("it is gone", () => (rendering().length === 0 ? true : undefined));
  assert.equal(said(await renderer.render(requestOf("after", "go"))), "after");
});

test("a rendering whose process is killed again and again is too large", { timeout: 30_000 }, async (context) => {
  const renderer = open(context);
  await renderer.render(requestOf("first", "go"));
  const pending = renderer.render(requestOf(ENDLESS, "go"));
  const killed = await onlyOne();
  process.kill(killed, "SIGKILL");
  const again = await eventually("another renders", () => rendering().find((pid) => pid !== killed && busy(pid)));
  process.kill(again, "SIGKILL");
  assert.equal(said(await pending), "TEMPLATE_TOO_LARGE");
  assert.equal(said(await renderer.render(requestOf("after", "go"))), "after");
});

/** It renders: it has computed for longer than a start takes. */
const busy = (pid: number): boolean => Number(stat(String(pid))?.[11]) > 100;

test("processes that are killed before they render are not started for ever", { timeout: 30_000 }, async (context) => {
  const pending = open(context).render(requestOf("x", "go"));
  const killed = new Set<number>();
  const reaper = setInterval(() => {
    for (const pid of rendering()) {
      process.kill(pid, "SIGKILL");
      killed.add(pid);
    }
  }, 1);
  context.after(() => clearInterval(reaper));
  assert.equal(said(await pending), "TEMPLATE_TOO_LARGE");
  assert.equal(killed.size, 2);
});

test("a process that was ended takes nothing from the one after it; one that is closed is gone", { timeout: 30_000 }, async () => {
  const renderer = createRenderer({ clock: createHostClock(), limitMs: 300 });
  await renderer.render(requestOf("first", "go"));
  const seen = new Set<number>([await onlyOne()]);
  const watch = setInterval(() => rendering().forEach((pid) => seen.add(pid)), 5);
  try {
    const answers = await Promise.all([ENDLESS, "after"].map((text) => renderer.render(requestOf(text, "go"))));
    assert.deepEqual(answers.map(said), ["TEMPLATE_TIMEOUT", "after"]);
    seen.add(await onlyOne());
    assert.equal(seen.size, 2);
  } finally {
    clearInterval(watch);
    await renderer.close();
  }
  assert.deepEqual(rendering(), []);
});

test("V8 giving up is that template's, and costs nobody else anything", { timeout: 30_000 }, async (context) => {
  const renderer = open(context);
  await renderer.render(requestOf("first", "go"));
  const pending = renderer.render(requestOf(ENDLESS, "go"));
  const next = renderer.render(requestOf("after", "go"));
  process.kill(await onlyOne(), "SIGABRT");
  assert.equal(said(await pending), "TEMPLATE_TOO_LARGE");
  assert.equal(said(await next), "after");
});

test("a template that had to be ended waits behind all others from then on", { timeout: 30_000 }, async (context) => {
  const renderer = open(context, { limitMs: 300 });
  assert.equal(said(await renderer.render(requestOf(ENDLESS, "go"))), "TEMPLATE_TIMEOUT");
  const order: string[] = [];
  const ask = async (text: string): Promise<void> => {
    order.push(said(await renderer.render(requestOf(text, "go"))));
  };
  await Promise.all([ask("first"), ask(ENDLESS), ask(ENDLESS), ask("second"), ask("third")]);
  assert.deepEqual(order, ["first", "second", "third", "TEMPLATE_TIMEOUT", "TEMPLATE_TIMEOUT"]);
});

test("bytes that are no text, and facts that cannot be handed over", { timeout: 30_000 }, async (context) => {
  const renderer = open(context);
  const { facts } = requestOf("", "go", [["consul", "key", "a", "\udcff\udc80"]]);
  assert.equal(said(await renderer.render({ ...requestOf('{{ key "a" }}', "go"), facts })), "\udcff\udc80");
  const odd = requestOf("", "go", [["consul", "key", "a", () => "secret"]]).facts;
  const answer = await renderer.render({ ...requestOf('{{ key "a" }}', "go"), facts: odd });
  assert.equal(said(answer), "TEMPLATE_FAILED");
  assert.doesNotMatch(JSON.stringify(answer), /secret/);
  assert.equal(said(await renderer.render({ ...requestOf('{{ key "a" }}', "go"), facts })), "\udcff\udc80");
});

test("what the thread keeps of facts has a bound, and is sent again when it was forgotten", { timeout: 30_000 }, async (context) => {
  const renderer = open(context, { memoryMaxMegabytes: 192 });
  const small = requestOf("", "go", [["consul", "key", "small", "s"]]).facts;
  const ask = async (facts: typeof small, text: string): Promise<string> =>
    said(await renderer.render({ ...requestOf(text, "go"), facts }));
  assert.equal(await ask(small, '{{ key "small" }}'), "s");
  // Together more than a rendering may hold, each by itself not.
  for (let index = 0; index < 24; index++) {
    const { facts } = requestOf("", "go", [
      ["consul", "key", "large", `${index}${"x".repeat(8_000_000)}`],
      ["consul", "key", `large ${index}`, "é€".repeat(4_000_000)],
    ]);
    assert.equal(await ask(facts, `{{ len (key "large ${index}") }}`), "20000000");
  }
  assert.equal(await ask(small, '{{ key "small" }}'), "s");
  for (let index = 0; index < 3; index++) {
    const many = requestOf(
      "",
      "go",
      Array.from({ length: 2600 }, (_, each) => ["consul", "key", `${index} ${each}`, "v"] as const),
    ).facts;
    assert.equal(await ask(new Map([...many, ...small]), `{{ key "${index} 7" }}{{ key "small" }}`), "vs");
  }
  assert.equal(rendering().length, 1);
});

test("a process that answers nothing at all is killed, not waited for", { timeout: 30_000 }, async (context) => {
  const host = createHostClock();
  let speed = 1;
  const clock: Pick<Clock, "after"> = { after: (delayMs, task) => host.after(delayMs / speed, task) };
  const renderer = open(context, { clock, idleMs: 1e9, limitMs: 1000 });
  await renderer.render(requestOf("first", "go"));
  speed = 100;
  const pid = await onlyOne();
  process.kill(pid, "SIGSTOP");
  assert.equal(said(await renderer.render(requestOf("x", "go"))), "TEMPLATE_TIMEOUT");
  await eventually("it is gone", () => (isThere(pid) ? undefined : true));
});

for (const when of ["starting", "rendering"]) {
  test(`an agent that is killed while its process is ${when} leaves none behind`, { timeout: 30_000 }, async (context) => {
    const agent = spawn(process.execPath, [join(import.meta.dirname, "rendering-agent.ts"), when], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    context.after(() => agent.kill("SIGKILL"));
    await once(agent.stdout, "data");
    const [pid] = rendering(agent.pid);
    assert.ok(pid !== undefined);
    agent.kill("SIGKILL");
    await eventually("its process is gone", () => (isThere(pid) ? undefined : true));
  });
}
