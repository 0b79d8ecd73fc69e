/** /v1/nodes and /v1/node/:id. SecretIDs never leave. */
import type { Eligibility, Node, NodeId } from "#model";
import { reading } from "../blocking.ts";
import type { Body } from "../body.ts";
import { json, list, value, type Call, type Context, type Handler, type Result } from "../call.ts";
import { visible } from "../guard/visible.ts";
import { byCreateIndex, byId } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";

export const listNodes: Handler = reading(["nodes"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("nodes");
  return {
    index,
    async answer() {
      const found = await page(call, withoutSecrets(snapshot.nodes(call.query.text("prefix"))), byId<Node>());
      const shape = { resources: call.query.flag("resources", false, true), os: call.query.flag("os", false, true) };
      return list(found.items, (node) => context.texts.nodeStub(node, shape), { index, nextToken: found.nextToken });
    },
  };
});

/** A filter must not find out a secret either (`SecretID matches "^a"`). */
export function* withoutSecrets(nodes: Iterable<Node>): Generator<Node> {
  for (const node of nodes) yield { ...node, SecretID: "" };
}

export const readNode: Handler = reading(["nodes"], (snapshot, call, context) => {
  const node = snapshot.node(idOf(call));
  const index = node?.ModifyIndex ?? snapshot.tableIndex("nodes");
  return {
    index,
    answer() {
      if (node === undefined) throw notFound("node not found");
      return json(context.texts.node(node), { index });
    },
  };
});

export const listAllocationsOf: Handler = reading(["allocations"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("allocations");
  return {
    index,
    async answer() {
      if (snapshot.node(idOf(call)) === undefined) throw notFound("node not found");
      // They hold their jobs: what is of other namespaces is left out.
      const found = await page(call, snapshot.allocationsByNode(idOf(call)), byCreateIndex(), visible(call.grant, ["read-job"]));
      return list(found.items, context.texts.packedAllocation, { index, nextToken: found.nextToken });
    },
  };
});

export const evaluateNode: Handler = async (call, context) => {
  return updated(await requireServer(context).evaluateNode(idOf(call)), call, context);
};

export const setEligibility: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  sameId(body, call);
  const eligibility = body.text("Eligibility");
  if (eligibility !== "eligible" && eligibility !== "ineligible") {
    throw badRequest(`Invalid scheduling eligibility ${JSON.stringify(eligibility)}, wanted "eligible" or "ineligible"`);
  }
  return updated(await server.setNodeEligibility(idOf(call), eligibility satisfies Eligibility), call, context);
};

/** `DrainSpec` null stops draining; Deadline in nanoseconds, -1 forces, 0 has no end. */
export const drainNode: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  sameId(body, call);
  const spec = body.object("DrainSpec");
  const answer = await server.drainNode(idOf(call), {
    Drain: spec === undefined ? null : { Deadline: spec.nanoseconds("Deadline"), IgnoreSystemJobs: spec.flag("IgnoreSystemJobs") },
    MarkEligible: body.flag("MarkEligible"),
    Meta: body.textMap("Meta"),
  });
  return updated(answer, call, context);
};

export const purgeNode: Handler = async (call, context) => updated(await requireServer(context).purgeNode(idOf(call)), call, context);

function updated(answer: { readonly EvalIDs: readonly string[]; readonly Index: number }, call: Call, context: Context): Result {
  const node = context.cluster?.state.snapshot().node(idOf(call));
  return value(
    {
      EvalIDs: answer.EvalIDs,
      EvalCreateIndex: answer.EvalIDs.length === 0 ? 0 : answer.Index,
      NodeModifyIndex: node?.ModifyIndex ?? answer.Index,
      Index: answer.Index,
      LastContact: 0,
      KnownLeader: true,
      NextToken: "",
    },
    { index: answer.Index },
  );
}

/** Clients name the node in the body too. */
function sameId(body: Body, call: Call): void {
  const named = body.text("NodeID");
  if (named !== "" && named !== idOf(call)) throw badRequest("Node ID does not match");
}

function idOf(call: Call): NodeId {
  return (call.parameters["id"] ?? "") as NodeId;
}
