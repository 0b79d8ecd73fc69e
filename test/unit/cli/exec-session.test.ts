import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import type { ExecInput, ExecOutput } from "#ports";
import { execOptions, EXEC_FLAGS } from "../../../src/cli/exec-flags.ts";
import { EscapeFilter, runExecSession, type ExecOptions } from "../../../src/cli/exec-session.ts";
import { parseFlags } from "../../../src/cli/flags.ts";

const text = (data: Uint8Array) => Buffer.from(data).toString("utf8");

for (const [typed, passed, letGo] of [
  ["ls\n~.", "ls\n", true],
  ["~.", "", true],
  ["ls\r~.more", "ls\r", true],
  ["a~.\n", "a~.\n", false],
  ["~/bin\n", "~/bin\n", false],
  ["~~\n", "~\n", false],
  ["~~.\n", "~.\n", false],
  ["\n~x~.", "\n~x~.", false],
] as const) {
  test(`EscapeFilter passes ${JSON.stringify(passed)} of ${JSON.stringify(typed)} and ${letGo ? "lets go" : "holds on"}`, () => {
    const found = new EscapeFilter("~").push(Buffer.from(typed));
    assert.deepEqual([text(found.passed), found.letGo], [passed, letGo]);
  });
}

test("EscapeFilter says the same however the keys come in pieces", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("~", ".", "\n", "\r", "a"), { maxLength: 30 }),
      fc.array(fc.nat(4), { maxLength: 30 }),
      (keys, cuts) => {
        const typed = keys.join("");
        const whole = new EscapeFilter("~").push(Buffer.from(typed));
        const pieces = new EscapeFilter("~");
        let passed = "";
        let letGo = false;
        let at = 0;
        for (let piece = 0; at < typed.length && !letGo; piece++) {
          const length = 1 + (cuts[piece] ?? 0);
          const found = pieces.push(Buffer.from(typed.slice(at, at + length)));
          passed += text(found.passed);
          letGo = found.letGo;
          at += length;
        }
        assert.deepEqual([passed, letGo], [text(whole.passed), whole.letGo]);
      },
    ),
  );
});

function fakeStreams() {
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => void raw.push(on) });
  const output = Object.assign(new PassThrough(), { columns: 80, rows: 24 });
  return { input, output, errorOutput: new PassThrough(), raw };
}

const TTY: ExecOptions = { tty: true, interactive: true, escape: "~" };

test("a session passes keys on raw, tells the terminal's size now and when it changes, and gives the exit code back", async () => {
  const streams = fakeStreams();
  const got: string[] = [];
  const code = await runExecSession(
    streams,
    TTY,
    async (inputs) => {
      const all = inputs[Symbol.asyncIterator]();
      const next = async () => show((await all.next()).value as ExecInput);
      return (async function* (): AsyncGenerator<ExecOutput> {
        got.push(await next());
        streams.input.write("ls\r");
        got.push(await next());
        Object.assign(streams.output, { columns: 100, rows: 30 });
        streams.output.emit("resize");
        got.push(await next());
        yield { kind: "stdout", data: Buffer.from("out") };
        yield { kind: "stderr", data: Buffer.from("err") };
        yield { kind: "exited", exitCode: 7 };
      })();
    },
    new AbortController().signal,
  );
  assert.equal(code, 7);
  assert.deepEqual(got, ["size 24x80", "stdin ls\r", "size 30x100"]);
  assert.deepEqual(streams.raw, [true, false], "raw while it runs, and not after");
  assert.equal(streams.output.read().toString(), "out");
  assert.equal(streams.errorOutput.read().toString(), "err");
});

function show(input: ExecInput): string {
  return input.kind === "stdin" ? `stdin ${text(input.data)}` : input.kind === "size" ? `size ${input.height}x${input.width}` : input.kind;
}

test("~. lets go: the session is ended, the exit code is 1, the terminal is as before", async () => {
  const streams = fakeStreams();
  const code = await runExecSession(
    streams,
    TTY,
    async (_inputs, signal) =>
      (async function* (): AsyncGenerator<ExecOutput> {
        yield { kind: "stdout", data: Buffer.from("$ ") };
        await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("cut off")));
          streams.input.write("~.");
        });
      })(),
    new AbortController().signal,
  );
  assert.equal(code, 1);
  assert.deepEqual(streams.raw, [true, false]);
});

test("a command that is refused leaves the terminal alone", async () => {
  const streams = fakeStreams();
  const refused = runExecSession(streams, TTY, () => Promise.reject(new Error("no such task")), new AbortController().signal);
  await assert.rejects(refused, /no such task/);
  assert.deepEqual(streams.raw, []);
});

test("without -i the command's input ends at once; without a terminal ~. is text", async () => {
  for (const [options, wanted] of [
    [{ tty: false, interactive: false, escape: "~" }, ["stdin-end"]],
    [{ tty: false, interactive: true, escape: "~" }, ["stdin ~.", "stdin-end"]],
  ] as const) {
    const streams = fakeStreams();
    const got: string[] = [];
    streams.input.end("~.");
    await runExecSession(
      streams,
      options,
      async (inputs) =>
        (async function* (): AsyncGenerator<ExecOutput> {
          for await (const one of inputs) {
            got.push(show(one));
            if (one.kind === "stdin-end") break;
          }
          yield { kind: "exited", exitCode: 0 };
        })(),
      new AbortController().signal,
    );
    assert.deepEqual(got, wanted);
    assert.deepEqual(streams.raw, []);
  }
});

const options = (terminal: boolean, ...words: string[]) => execOptions(parseFlags(words, EXEC_FLAGS), terminal);

test("a terminal is given when standard input is one, unless told otherwise", () => {
  assert.deepEqual(options(true), { tty: true, interactive: true, escape: "~" });
  assert.deepEqual(options(false), { tty: false, interactive: true, escape: "~" });
  assert.equal(options(false, "-t").tty, true);
  assert.equal(options(true, "-t=false").tty, false);
  assert.deepEqual(options(true, "-i=false"), { tty: false, interactive: false, escape: "~" });
  assert.equal(options(true, "-e", "none").escape, undefined);
  assert.throws(() => options(true, "-i=false", "-t"), /-i must be enabled/);
  assert.throws(() => options(true, "-e", "ab"), /want one character/);
});
