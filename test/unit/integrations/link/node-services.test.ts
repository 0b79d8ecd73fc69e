/** What servers ask of a node over its second connection. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllocationId } from "#model";
import type { ExecInput, FileFrame, NodeServices } from "#ports";
import { NamedError } from "#std";
import { eventually } from "../../../eventually.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";

const A1 = "a1" as AllocationId;
const READ = { AllocationId: A1, Task: "main", Type: "stdout", Origin: "start", Offset: 0, Follow: true } as const;
const frameOf = (Offset: number, bytes: number): FileFrame => ({ Offset, Data: new Uint8Array(bytes).fill(7), File: "f", FileEvent: "" });

async function between(
  services: Partial<NodeServices>,
  play: (remote: NodeServices, link: Awaited<ReturnType<typeof connected>>) => Promise<void>,
) {
  const made = await connected(services);
  try {
    await play(made.servers.end().services, made);
  } finally {
    made.connection.close();
    await made.served.close();
  }
}

async function connected(services: Partial<NodeServices>) {
  const servers = acceptor();
  const served = await serve(servers.accept);
  const reasons: string[] = [];
  const connection = await linkTo([served.address]).connect(NODE, nodeEnd(services), (reason) => reasons.push(reason));
  return { servers, served, connection, reasons };
}

test("a question is asked with its arguments and answered; nothing is answered with nothing", () =>
  between(
    {
      listFiles: async (id, path) => [{ Name: `${id}${path}`, IsDir: false, Size: 2 ** 40, FileMode: "-rw-r--r--", ModTime: "t" }],
      restartAllocation: async () => undefined,
      allocationUsage: async (...args) => args as never,
    },
    async (remote) => {
      assert.deepEqual(await remote.listFiles(A1, "/x"), [
        { Name: "a1/x", IsDir: false, Size: 2 ** 40, FileMode: "-rw-r--r--", ModTime: "t" },
      ]);
      assert.equal(await remote.restartAllocation(A1, "", true), undefined);
      assert.deepEqual(await remote.allocationUsage(A1), ["a1"]);
      assert.deepEqual(await remote.allocationUsage(A1, "main"), ["a1", "main"]);
    },
  ));

test("a failure arrives with its code, status and fix; one without a name keeps its words", () =>
  between(
    {
      statFile: async () => Promise.reject(new NamedError("FILE_NOT_FOUND", "no such file", { statusCode: 404, fix: "Look again." })),
      hostUsage: async () => Promise.reject(new Error("the disk is gone")),
      async *readLogs() {
        yield frameOf(0, 3);
        throw new NamedError("LOG_GONE", "it was removed", { statusCode: 410 });
      },
    },
    async (remote) => {
      await assert.rejects(remote.statFile(A1, "x"), (error: NamedError) => {
        assert.deepEqual([error.code, error.message, error.statusCode, error.fix], ["FILE_NOT_FOUND", "no such file", 404, "Look again."]);
        return error instanceof NamedError;
      });
      await assert.rejects(remote.hostUsage(), /the disk is gone/);
      const seen: number[] = [];
      const read = async () => {
        for await (const frame of remote.readLogs(READ, AbortSignal.timeout(5_000))) seen.push(frame.Data.length);
      };
      await assert.rejects(read(), (error: NamedError) => error.code === "LOG_GONE" && error.statusCode === 410);
      assert.deepEqual(seen, [3]);
    },
  ));

test("a stream arrives whole and in order, also values larger than a frame", () =>
  between(
    {
      async *readFile() {
        for (let at = 0; at < 60; at++) yield frameOf(at, at * 7000);
      },
    },
    async (remote) => {
      const seen: (readonly [number, number])[] = [];
      for await (const frame of remote.readFile({ ...READ, Path: "p", Limit: -1 }, AbortSignal.timeout(20_000))) {
        assert.ok(frame.Data.every((byte) => byte === 7));
        seen.push([frame.Offset, frame.Data.length]);
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 60 }, (_, at) => [at, at * 7000]),
      );
    },
  ));

test("a slow reader holds its own stream back at the source, and nothing else", () => {
  let made = 0;
  return between(
    {
      async *readLogs() {
        for (; ; made++) yield frameOf(made, 32 * 1024);
      },
      metadata: async () => ({ Meta: {}, Dynamic: {}, Static: {} }),
    },
    async (remote, { connection }) => {
      const reading = remote.readLogs(READ, new AbortController().signal)[Symbol.asyncIterator]();
      await reading.next();
      let last = -1;
      await eventually("the source to stand still", async () => {
        const still = made === last;
        last = made;
        await connection.heartbeat();
        await remote.metadata();
        return still;
      });
      assert.ok(made * 32 <= 4 * 256, `${made} values of 32 KB were made for a reader that took one`);
      for (let count = 0; count < 40; count++) await reading.next();
      assert.ok(made >= 40);
      await reading.return?.();
    },
  );
});

test("whoever stops reading, or aborts, stops the source", async () => {
  const ended: string[] = [];
  await between(
    {
      async *readLogs(request, signal) {
        try {
          yield frameOf(0, 1);
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        } finally {
          ended.push(request.Task);
        }
      },
    },
    async (remote) => {
      for await (const _ of remote.readLogs({ ...READ, Task: "broke off" }, new AbortController().signal)) break;
      await eventually("the source ends", () => ended.length === 1);
      const gone = new AbortController();
      let values = 0;
      for await (const _ of remote.readLogs({ ...READ, Task: "aborted" }, gone.signal)) {
        values++;
        gone.abort();
      }
      assert.equal(values, 1);
      await eventually("the source ends", () => ended.length === 2);
      assert.deepEqual(ended, ["broke off", "aborted"]);
    },
  );
});

test("a command takes input and gives output, and its input is not read ahead without end", () =>
  between(
    {
      async *exec(request, input) {
        let bytes = 0;
        for await (const each of input) {
          if (each.kind === "stdin") bytes += each.data.length;
          if (each.kind === "size") yield { kind: "stdout", data: Buffer.from(`${each.width}x${each.height}`) };
          if (each.kind === "stdin-end") break;
        }
        yield { kind: "stderr", data: Buffer.from(`${request.Command.join(" ")} ${bytes}`) };
        yield { kind: "exited", exitCode: 7 };
      },
    },
    async (remote) => {
      async function* input(): AsyncGenerator<ExecInput> {
        yield { kind: "size", height: 24, width: 80 };
        for (let count = 0; count < 100; count++) yield { kind: "stdin", data: new Uint8Array(20_000) };
        yield { kind: "stdin-end" };
        await new Promise(() => undefined);
      }
      const said: string[] = [];
      const request = { AllocationId: A1, Task: "main", Command: ["wc", "-c"], Tty: false };
      for await (const output of remote.exec(request, input(), AbortSignal.timeout(10_000)))
        said.push(output.kind === "exited" ? `exit ${output.exitCode}` : Buffer.from(output.data).toString());
      assert.deepEqual(said, ["80x24", "wc -c 2000000", "exit 7"]);
    },
  ));

test("a node that goes away fails what was asked of it, and ends what it was doing", async () => {
  const ended: string[] = [];
  await between(
    {
      async *readLogs(_request, signal) {
        yield frameOf(0, 1);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        ended.push("logs");
      },
      hostUsage: () => new Promise(() => undefined),
    },
    async (remote, { connection }) => {
      const usage = remote.hostUsage();
      const reading = remote.readLogs(READ, new AbortController().signal)[Symbol.asyncIterator]();
      await reading.next();
      connection.close();
      await assert.rejects(usage, (error: NamedError) => error.code === "LINK_REFUSED");
      await assert.rejects(reading.next(), (error: NamedError) => error.code === "LINK_REFUSED");
      await eventually("the node stops reading", () => ended.length === 1);
      await assert.rejects(remote.metadata(), (error: NamedError) => error.code === "LINK_REFUSED");
    },
  );
});

test("what a node does not offer is refused by name", () =>
  between({}, async (remote, { connection }) => {
    const odd = remote as unknown as Record<string, () => Promise<unknown>>;
    await assert.rejects(Promise.resolve(odd["hostUsage"]?.()), /not a function/);
    await connection.heartbeat();
  }));
