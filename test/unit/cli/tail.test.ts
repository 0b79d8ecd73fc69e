import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags } from "../../../src/cli/flags.ts";
import { allocFs } from "../../../src/cli/commands/alloc-fs.ts";
import { allocLogs } from "../../../src/cli/commands/alloc-logs.ts";
import { readTail, tailAsked } from "../../../src/cli/tail.ts";
import { answered, fakeContext } from "./fake-context.ts";

const asked = (...words: string[]) => tailAsked(parseFlags(words, allocFs.flags));

test("tailAsked() reads -tail as ten lines, -n as lines, -c as bytes, also without -tail", () => {
  assert.equal(asked(), undefined);
  assert.deepEqual(asked("-tail"), { lines: 10 });
  assert.deepEqual(asked("-tail", "-n=3"), { lines: 3 });
  assert.deepEqual(asked("-n=3"), { lines: 3 });
  assert.deepEqual(asked("-tail", "-c=7"), { bytes: 7 });
  assert.deepEqual(asked("-n=0"), { lines: 0 });
});

/** Of a file of `lines`, what is read of its end, and how much was asked for. */
async function tailOf(text: string, tail: Parameters<typeof readTail>[0]): Promise<{ read: string; asked: number[] }> {
  const file = Buffer.from(text);
  const asked: number[] = [];
  const read = await readTail(tail, async (bytes) => {
    asked.push(bytes);
    return (async function* () {
      const end = file.subarray(Math.max(0, file.length - bytes));
      yield end.subarray(0, 5);
      yield end.subarray(5);
    })();
  });
  return { read: read.toString(), asked };
}

const longLines = (count: number) => Array.from({ length: count }, (_, line) => `${line}:${"x".repeat(3000)}\n`);

test("readTail() reads on until the lines are there, however long they are", async () => {
  const lines = longLines(20);
  for (const count of [1, 2, 10, 19, 20, 21]) {
    assert.equal((await tailOf(lines.join(""), { lines: count })).read, lines.slice(-count).join(""), `${count} lines`);
  }
});

test("readTail() asks once when the lines are short, or the file is", async () => {
  assert.deepEqual((await tailOf("a\nb\nc\n".repeat(1000), { lines: 2 })).asked, [4096]);
  assert.deepEqual(await tailOf("a\nb", { lines: 10 }), { read: "a\nb", asked: [4096] });
});

test("readTail() of a file that fills what is read to the byte still gives whole lines", async () => {
  // Its first line begins before what is read.
  const text = `${"y".repeat(2000)}\n${"x".repeat(4095 - 2)}\nz\n`;
  assert.equal((await tailOf(text, { lines: 2 })).read, `${"x".repeat(4093)}\nz\n`);
});

test("readTail() of bytes takes as many, and of no lines nothing", async () => {
  assert.equal((await tailOf("abcdef", { bytes: 2 })).read, "ef");
  assert.equal((await tailOf("abcdef", { bytes: 99 })).read, "abcdef");
  assert.equal((await tailOf("a\nb\n", { lines: 0 })).read, "");
});

for (const [words, streams] of [
  [[], ["stdout"]],
  [["-f"], ["stdout", "stderr"]],
  [["-stderr"], ["stderr"]],
  [["-f", "-stderr"], ["stderr"]],
  [
    ["-stdout", "-stderr"],
    ["stdout", "stderr"],
  ],
  [
    ["-f", "-tail"],
    ["stdout", "stdout"],
  ],
] as const) {
  test(`alloc logs ${words.join(" ")} reads ${streams.join(", ")}`, async () => {
    const asked: string[] = [];
    const logBytes = async (_id: string, _task: string, type: string) => {
      asked.push(type);
      return (async function* () {})();
    };
    const allocation = { ID: "a1", TaskStates: { t: {} } };
    const { context } = fakeContext({
      words: [...words, "a1"],
      flags: allocLogs.flags,
      api: { allocations: { list: async () => answered([allocation]) }, files: { logBytes } },
    });
    assert.equal(await allocLogs.run(context), 0);
    assert.deepEqual(asked, streams);
  });
}
