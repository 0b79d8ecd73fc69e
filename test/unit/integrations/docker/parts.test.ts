/** The docker driver's pure parts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseCapabilities } from "../../../../integrations/docker/capabilities.ts";
import { exitOf } from "../../../../integrations/docker/exit.ts";
import { readImageName } from "../../../../integrations/docker/image-name.ts";
import { readRuns } from "../../../../integrations/docker/log-file.ts";
import { LOG_BEGIN, advanced, remaining } from "../../../../integrations/docker/log-position.ts";
import { pauseProgram } from "../../../../integrations/docker/pause-image.ts";
import { isFinal } from "../../../../integrations/docker/pull.ts";
import { frameReader } from "../../../../integrations/docker/stream-frames.ts";

test("an image's name is taken apart as docker does it", () => {
  const of = (text: string) => {
    const { whole, registry, tag, fixed } = readImageName(text);
    return [whole, registry, tag, fixed];
  };
  assert.deepEqual(of("redis"), ["redis:latest", "docker.io", "latest", false]);
  assert.deepEqual(of("https://reg.example:5000/a/b:1"), ["reg.example:5000/a/b:1", "reg.example:5000", "1", false]);
  assert.deepEqual(of("localhost/a"), ["localhost/a:latest", "localhost", "latest", false]);
  assert.deepEqual(of("a/b:1@sha256:ff"), ["a/b@sha256:ff", "docker.io", "", true]);
});

test("out of memory counts only for a task that failed (F47); a quick one never ends before it began", () => {
  assert.equal(exitOf({ ExitCode: 137, OOMKilled: true }).oomKilled, true);
  assert.equal(exitOf({ ExitCode: 0, OOMKilled: true }).oomKilled, false);
  const exit = exitOf({ ExitCode: 0, StartedAt: "2026-01-01T00:00:01Z", FinishedAt: "2026-01-01T00:00:00Z" });
  assert.equal(exit.finishedAt, Date.parse("2026-01-01T00:00:01Z") * 1e6);
});

test("capabilities: what is not allowed is named, what is dropped is gone", () => {
  assert.deepEqual(chooseCapabilities(["CAP_SYS_TIME"], [], null).refused, ["SYS_TIME"]);
  assert.deepEqual(chooseCapabilities(["kill"], ["all"], null).granted, ["KILL"]);
  assert.deepEqual(chooseCapabilities(["all"], [], ["all"]).granted, ["ALL"]);
  assert.ok(!chooseCapabilities([], ["chown"], null).granted.includes("CHOWN"));
  // Docker gives everything but what is dropped: beside ALL it would hear of nothing else.
  const { granted, dropped } = chooseCapabilities(["all"], ["cap_sys_admin"], ["all"]);
  assert.deepEqual([granted, dropped], [["ALL"], ["SYS_ADMIN"]]);
  assert.deepEqual(chooseCapabilities(["kill"], ["chown"], null).dropped, ["ALL"]);
});

test("a registry's final answers are told from those of the moment", () => {
  for (const words of ["manifest unknown", "pull access denied for x, repository does not exist", "unauthorized: wrong"])
    assert.ok(isFinal(words), words);
  for (const words of [
    "net/http: TLS handshake timeout",
    "toomanyrequests: denied",
    "dial tcp: lookup x: no such host not found",
    "unexpected EOF",
  ])
    assert.ok(!isFinal(words), words);
});

test("frames come out whole however the stream is cut", () => {
  const pieces = fc.array(fc.record({ stream: fc.constantFrom(1, 2), data: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 12 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 50 }), (frames, cut) => {
      const whole = Buffer.concat(
        frames.flatMap(({ stream, data }) => {
          const header = Buffer.alloc(8);
          header[0] = stream;
          header.writeUInt32BE(data.length, 4);
          return [header, Buffer.from(data)];
        }),
      );
      const reader = frameReader();
      const read = [];
      for (let at = 0; at < whole.length; at += cut) read.push(...reader.push(whole.subarray(at, at + cut)));
      assert.deepEqual(
        read.map((each) => [each.stream, each.data.toString("hex")]),
        frames.map(({ stream, data }) => [stream === 2 ? "stderr" : "stdout", Buffer.from(data).toString("hex")]),
      );
    }),
  );
});

test("wherever a reading of the API is cut, the next goes on there: all once, in order", () => {
  const messages = fc.array(fc.record({ time: fc.integer({ min: 1, max: 4 }), data: fc.string({ minLength: 1, maxLength: 5 }) }), {
    maxLength: 10,
  });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 8 }), (unsorted, cuts) => {
      const log = unsorted
        .toSorted((a, b) => a.time - b.time)
        .map((each) => ({ time: `2026-0${each.time}`, data: Buffer.from(each.data) }));
      let position = LOG_BEGIN.stdout;
      let said = "";
      for (const room of [...cuts, 1000]) {
        const fresh = remaining(position);
        let left = room;
        for (const message of log) {
          const data = fresh(message);
          if (data === undefined || left === 0) continue;
          const bytes = Math.min(left, data.length);
          said += data.toString("latin1", 0, bytes);
          left -= bytes;
          position = advanced(position, message.time, bytes, bytes === data.length);
          if (bytes < data.length) break;
        }
      }
      assert.equal(said, log.map((each) => each.data.toString("latin1")).join(""));
    }),
  );
});

test("lines of docker's file become runs of one stream, and a cut one counts as empty", () => {
  const line = (log: string, stream: string) => JSON.stringify({ log, stream, time: "t" });
  const text = [line("a\n", "stdout"), line("é", "stdout"), line("c\n", "stderr"), '{"log":"cu', ""].join("\n");
  const runs = readRuns(Buffer.from(text));
  assert.deepEqual(
    runs.map((each) => [each.stream, each.data.toString(), each.lines.map((one) => one.until)]),
    [
      ["stdout", "a\né", [2, 4]],
      ["stderr", "c\n", [2]],
      ["stdout", "", [0]],
    ],
  );
  assert.equal(runs.at(-1)?.lines.at(-1)?.end, Buffer.byteLength(text));
});

test("the pause program is a whole ELF file for both machines", () => {
  for (const [machine, number] of [
    ["amd64", 62],
    ["arm64", 183],
  ] as const) {
    const file = pauseProgram(machine);
    assert.ok(file !== undefined);
    assert.deepEqual(
      [file.toString("latin1", 1, 4), file.readUInt16LE(18), file.readBigUInt64LE(96)],
      ["ELF", number, BigInt(file.length)],
    );
    assert.ok(file.length < 300);
  }
  assert.equal(pauseProgram("s390x"), undefined);
});
