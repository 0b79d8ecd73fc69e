/**
 * What every Link promises, whichever maker: a suite to run over each.
 *
 *   linkConformance("memory", (accept) => ({ link: createMemoryLink(accept), close }))
 *
 * `accept` is the servers' end; the suite plays it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { AllocationClientUpdate, AllocationId, Node, NodeId } from "#model";
import type { AllocationsChanged, Link, LinkConnection, NodeEnd } from "#ports";
import { NamedError } from "#std";
import { eventually } from "../eventually.ts";

export interface LinkUnderTest {
  /** The node's end. */
  readonly link: Link;
  close(): Promise<void>;
}
export type MakeLink = (accept: Link) => Promise<LinkUnderTest>;

const NODE = { ID: "11111111-2222-4333-8444-555555555555" as NodeId, SecretID: "secret" };

/** A servers' end that notes what comes in. */
function servers() {
  const calls: string[] = [];
  const ends: NodeEnd[] = [];
  const closers: ((reason: string) => void)[] = [];
  let closed = 0;
  const accept: Link = {
    async connect(node, end, onClosed) {
      if (node.SecretID !== NODE.SecretID) throw new NamedError("LINK_REFUSED", "not this secret", { statusCode: 403 });
      ends.push(end);
      closers.push(onClosed);
      return {
        register: async (described) => (calls.push(`register ${described.Name}`), { HeartbeatTtlMs: 12_345 }),
        heartbeat: async () => (calls.push("heartbeat"), { HeartbeatTtlMs: 23_456 }),
        async updateAllocations(updates) {
          if (updates.some((update) => update.ClientDescription === "refuse"))
            throw new NamedError("LOG_WRITE_FAILED", "disk full", { statusCode: 503 });
          calls.push(`update ${updates.map((update) => update.ID).join()}`);
        },
        close: () => void closed++,
      };
    },
  };
  return { accept, calls, ends, closers, closedCount: () => closed };
}

function nodeEnd(heard: AllocationsChanged[] = []): NodeEnd {
  return { allocationsChanged: (change) => void heard.push(change), services: {} as NodeEnd["services"] };
}
const change = (index: number): AllocationsChanged => ({ ClusterId: "c", Index: index, Complete: false, Changed: [], Gone: [] });
const update = (id: string, description = ""): AllocationClientUpdate => ({
  ID: id as AllocationId,
  NodeID: NODE.ID,
  ClientStatus: "running",
  ClientDescription: description,
  TaskStates: {},
});

export function linkConformance(maker: string, make: MakeLink): void {
  const named = (name: string, play: (link: Link, server: ReturnType<typeof servers>) => Promise<void>) =>
    test(`${maker} link: ${name}`, async () => {
      const server = servers();
      const made = await make(server.accept);
      try {
        await play(made.link, server);
      } finally {
        await made.close();
      }
    });
  const connect = (link: Link, heard?: AllocationsChanged[], closed: (reason: string) => void = () => undefined): Promise<LinkConnection> =>
    link.connect(NODE, nodeEnd(heard), closed);

  named("calls are answered by the servers' end", async (link, server) => {
    const connection = await connect(link);
    assert.deepEqual(await connection.register({ ...NODE, Name: "n1" } as Node), { HeartbeatTtlMs: 12_345 });
    assert.deepEqual(await connection.heartbeat(), { HeartbeatTtlMs: 23_456 });
    await connection.updateAllocations([update("a"), update("b")]);
    assert.deepEqual(server.calls, ["register n1", "heartbeat", "update a,b"]);
  });

  named("calls and changes keep their order", async (link, server) => {
    const heard: AllocationsChanged[] = [];
    const connection = await connect(link, heard);
    await Promise.all(Array.from({ length: 50 }, (_, index) => connection.updateAllocations([update(String(index))])));
    assert.deepEqual(
      server.calls,
      Array.from({ length: 50 }, (_, index) => `update ${index}`),
    );
    for (let index = 1; index <= 50; index++) server.ends[0]?.allocationsChanged(change(index));
    await eventually("all changes arrive", () => heard.length === 50);
    assert.deepEqual(
      heard.map((each) => each.Index),
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
  });

  named("nothing is delivered in the sender's own turn", async (link, server) => {
    const heard: AllocationsChanged[] = [];
    await connect(link, heard);
    server.ends[0]?.allocationsChanged(change(1));
    assert.equal(heard.length, 0);
    await eventually("the change arrives", () => heard.length === 1);
  });

  named("a refusal reaches the node as the named error it is", async (link) => {
    const isCode = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;
    await assert.rejects(
      link.connect({ ...NODE, SecretID: "wrong" }, nodeEnd(), () => undefined),
      isCode("LINK_REFUSED"),
    );
    const connection = await connect(link);
    await assert.rejects(connection.updateAllocations([update("a", "refuse")]), isCode("LOG_WRITE_FAILED"));
    await connection.heartbeat();
  });

  named("closed by the servers: the node is told once and nothing goes through any more", async (link, server) => {
    const heard: AllocationsChanged[] = [];
    const reasons: string[] = [];
    const connection = await connect(link, heard, (reason) => reasons.push(reason));
    server.closers[0]?.("the server stops");
    await eventually("the node is told", () => reasons.length === 1);
    await assert.rejects(connection.heartbeat(), (thrown: unknown) => thrown instanceof NamedError);
    server.ends[0]?.allocationsChanged(change(1));
    connection.close();
    await sleep(20);
    assert.deepEqual([heard.length, reasons.length], [0, 1]);
  });

  named("closed by the node: the servers' end is closed, and the node may connect again", async (link, server) => {
    const reasons: string[] = [];
    const connection = await connect(link, [], (reason) => reasons.push(reason));
    connection.close();
    await eventually("the servers notice", () => server.closedCount() === 1);
    await eventually("`closed` is called", () => reasons.length === 1);
    const again = await connect(link);
    await again.heartbeat();
    assert.deepEqual(server.calls, ["heartbeat"]);
  });
}
