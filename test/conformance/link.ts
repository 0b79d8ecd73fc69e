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
import type {
  AllocationClientUpdate,
  AllocationId,
  IdentityRequest,
  Node,
  NodeId,
  ServiceRegistration,
  Variable,
  VariableMetadata,
} from "#model";
import type { AllocationsChanged, Link, LinkConnection, NodeEnd, ServicesChanged, VariableQuestion } from "#ports";
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
        signIdentities: async (requests) => {
          calls.push(`sign ${requests.map(({ Identity }) => Identity).join()}`);
          return requests.map((Request) =>
            Request.AllocationID === "gone"
              ? { Request, Refused: "it has ended" }
              : { Request, JWT: `jwt-${Request.Identity}`, IssuedAt: 1_790_000_000, ExpiresAt: 0 },
          );
        },
        services: async () => (calls.push("services"), REGISTERED),
        upsertServices: async (services) => {
          if (services.some(({ ServiceName }) => ServiceName === "foreign"))
            throw new NamedError("SERVICE_FOREIGN", "not this node's", { statusCode: 403 });
          calls.push(`upsert ${JSON.stringify(services)}`);
        },
        deleteServices: async (ids) => void calls.push(`delete ${ids.join()}`),
        followServices: async () => {
          calls.push("follow");
          end.servicesChanged({ ClusterId: "c", Index: 1, Complete: true, Changed: REGISTERED, Gone: [] });
        },
        async readVariable(question) {
          calls.push(`variable ${JSON.stringify(question)}`);
          if (question.Path === "others") {
            throw new NamedError("VARIABLE_DENIED", "not yours", { statusCode: 403, fix: "Write a policy." });
          }
          return question.List ? { Index: 9, Variable: null, List: [METADATA] } : { Index: 9, Variable: VARIABLE, List: [] };
        },
        async takeTurn(id) {
          if (id === "foreign") throw new NamedError("TURN_FOREIGN", "not this node's", { statusCode: 403 });
          calls.push(`take ${id}`);
          return id === "a1" ? { Granted: true, Reason: "" } : { Granted: false, Reason: '1 of 1 allocations of group "web" is down' };
        },
        giveTurnBack: async (id) => void calls.push(`give ${id}`),
        async unseal(id) {
          if (id !== "a1") throw new NamedError("UNSEAL_FOREIGN", "not this node's", { statusCode: 403 });
          return { "sealed.k.AA": "grün\u0000 ${x}", "sealed.k.BB": "" };
        },
        verifyIdentity: async (token) => token === "jwt-default",
        close: () => void closed++,
      };
    },
  };
  return { accept, calls, ends, closers, closedCount: () => closed };
}

const METADATA: VariableMetadata = {
  Namespace: "default" as VariableMetadata["Namespace"],
  Path: "nomad/jobs/web",
  CreateIndex: 7,
  ModifyIndex: 8,
  CreateTime: 1_790_000_000_123_456_000,
  ModifyTime: 1_790_000_000_123_456_000,
  Lock: { ID: "", TTL: "15s", LockDelay: "1s" },
};
const VARIABLE: Variable = { ...METADATA, Items: { password: "grün\nzwei", empty: "" } };

const REGISTERED: readonly ServiceRegistration[] = ["a", "b"].map((ID) => ({
  ID,
  ServiceName: "web",
  Namespace: "default" as ServiceRegistration["Namespace"],
  NodeID: NODE.ID,
  Datacenter: "dc1",
  JobID: "web" as ServiceRegistration["JobID"],
  AllocID: "a1" as AllocationId,
  Tags: ["ü", ""],
  Address: "fd00::1",
  Port: 20_000,
  CreateIndex: 7,
  ModifyIndex: 8,
}));
const request = (id: string, Identity: string): IdentityRequest => ({
  AllocationID: id as AllocationId,
  Workload: Identity === "default" ? { Kind: "task", Task: "main" } : { Kind: "service", Service: "web", Task: "" },
  Identity,
});

function nodeEnd(heard: AllocationsChanged[] = [], told: ServicesChanged[] = []): NodeEnd {
  return {
    allocationsChanged: (change) => void heard.push(change),
    servicesChanged: (change) => void told.push(change),
    services: {} as NodeEnd["services"],
  };
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

  named("identities are answered one by one, in order; a refusal of one is an answer", async (link, server) => {
    const connection = await connect(link);
    const requests = [request("a1", "default"), request("gone", "consul-service_web-http"), request("a1", "aws")];
    const answers = await connection.signIdentities(requests);
    assert.deepEqual(answers, [
      { Request: requests[0], JWT: "jwt-default", IssuedAt: 1_790_000_000, ExpiresAt: 0 },
      { Request: requests[1], Refused: "it has ended" },
      { Request: requests[2], JWT: "jwt-aws", IssuedAt: 1_790_000_000, ExpiresAt: 0 },
    ]);
    assert.deepEqual(server.calls, ["sign default,consul-service_web-http,aws"]);
  });

  named("an identity is judged by the servers", async (link) => {
    const connection = await connect(link);
    assert.deepEqual([await connection.verifyIdentity("jwt-default"), await connection.verifyIdentity("forged")], [true, false]);
  });

  named("a variable arrives as it is kept, a list as metadata; a refusal says what is missing", async (link, server) => {
    const connection = await connect(link);
    const question: VariableQuestion = {
      AllocationID: "a1" as AllocationId,
      Task: "main",
      Namespace: "",
      Path: METADATA.Path,
      List: false,
      AfterIndex: 3,
    };
    assert.deepEqual(await connection.readVariable(question), { Index: 9, Variable: VARIABLE, List: [] });
    assert.deepEqual(await connection.readVariable({ ...question, List: true }), { Index: 9, Variable: null, List: [METADATA] });
    await assert.rejects(
      connection.readVariable({ ...question, Path: "others" }),
      (thrown: unknown) => thrown instanceof NamedError && thrown.code === "VARIABLE_DENIED" && thrown.fix === "Write a policy.",
    );
    assert.equal(server.calls[0], `variable ${JSON.stringify(question)}`);
  });

  named("turns are taken and given back", async (link, server) => {
    const connection = await connect(link);
    assert.deepEqual(await connection.takeTurn("a1" as AllocationId), { Granted: true, Reason: "" });
    const waiting = await connection.takeTurn("a2" as AllocationId);
    assert.deepEqual(waiting, { Granted: false, Reason: '1 of 1 allocations of group "web" is down' });
    await connection.giveTurnBack("a1" as AllocationId);
    await assert.rejects(
      connection.takeTurn("foreign" as AllocationId),
      (thrown: unknown) => thrown instanceof NamedError && thrown.code === "TURN_FOREIGN" && thrown.statusCode === 403,
    );
    assert.deepEqual(server.calls, ["take a1", "take a2", "give a1"]);
  });

  named("unsealed values arrive as they are", async (link) => {
    const connection = await connect(link);
    const values = await connection.unseal("a1" as AllocationId);
    assert.deepEqual({ ...values }, { "sealed.k.AA": "grün\u0000 ${x}", "sealed.k.BB": "" });
    await assert.rejects(
      connection.unseal("a2" as AllocationId),
      (thrown: unknown) => thrown instanceof NamedError && thrown.code === "UNSEAL_FOREIGN",
    );
  });

  named("registrations arrive as they were sent, both ways; a foreign one is refused by name", async (link, server) => {
    const connection = await connect(link);
    await connection.upsertServices(REGISTERED);
    assert.deepEqual(await connection.services(), REGISTERED);
    await connection.deleteServices(["a", "unknown"]);
    assert.deepEqual(server.calls, [`upsert ${JSON.stringify(REGISTERED)}`, "services", "delete a,unknown"]);
    const foreign = REGISTERED.map((each) => ({ ...each, ServiceName: "foreign" }));
    await assert.rejects(
      connection.upsertServices(foreign),
      (thrown: unknown) => thrown instanceof NamedError && thrown.code === "SERVICE_FOREIGN",
    );
    await connection.heartbeat();
  });

  named("the registry is told in order, after it was asked for", async (link, server) => {
    const told: ServicesChanged[] = [];
    const connection = await link.connect(NODE, nodeEnd([], told), () => undefined);
    await connection.followServices();
    for (let Index = 2; Index <= 20; Index++)
      server.ends[0]?.servicesChanged({ ClusterId: "c", Index, Complete: false, Changed: [], Gone: ["a"] });
    await eventually("all of it arrives", () => told.length === 20);
    assert.deepEqual(told[0], { ClusterId: "c", Index: 1, Complete: true, Changed: REGISTERED, Gone: [] });
    assert.deepEqual(
      told.map((each) => each.Index),
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
    assert.deepEqual(told[19]?.Gone, ["a"]);
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
