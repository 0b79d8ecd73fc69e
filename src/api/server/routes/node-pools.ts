/** /v1/node/pools, /v1/node/pool/:name, its nodes and its jobs. nomad.md §3.2. */
import { NODE_IDENTITY_TTL_NS, NODE_POOL_ALL, type Job, type Node, type NodePool } from "#model";
import { reading } from "../blocking.ts";
import { empty, list, value, type Call, type Handler } from "../call.ts";
import { mayNodePool } from "#access";
import { both, visible } from "../guard/visible.ts";
import { byId, byName, byNamespaceAndId } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { withoutSecrets } from "./nodes.ts";

export const listNodePools: Handler = reading(["node-pools"], (snapshot, call) => {
  const index = snapshot.tableIndex("node-pools");
  return {
    index,
    async answer() {
      const { grant } = call;
      const keep = grant.Management ? undefined : ({ Name }: NodePool) => mayNodePool(grant, Name, "read");
      const found = await page(call, snapshot.nodePools(call.query.text("prefix")), byName<NodePool>(), keep);
      return list(found.items, (pool) => JSON.stringify(shown(pool)), { index, nextToken: found.nextToken });
    },
  };
});

export const readNodePool: Handler = reading(["node-pools"], (snapshot, call) => {
  const pool = snapshot.nodePool(nameOf(call));
  const index = pool?.ModifyIndex ?? snapshot.tableIndex("node-pools");
  return {
    index,
    answer() {
      if (pool === undefined) throw missing();
      return value(shown(pool), { index });
    },
  };
});

/** A pool that says nothing of it is told with what holds. */
function shown(pool: NodePool): NodePool & { readonly NodeIdentityTTL: number } {
  return { ...pool, NodeIdentityTTL: pool.NodeIdentityTTL ?? NODE_IDENTITY_TTL_NS };
}

/** PUT /v1/node/pools and PUT /v1/node/pool/:name: created, or replaced whole. */
export const writeNodePool: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  const inPath = call.parameters["name"];
  if (inPath !== undefined && body.text("Name") !== inPath) throw badRequest("Node pool name does not match request path");
  const { Index } = await server.upsertNodePool(body.fields);
  return empty({ index: Index });
};

export const deleteNodePool: Handler = async (call, context) => {
  const { Index } = await requireServer(context).deleteNodePool(nameOf(call));
  return empty({ index: Index });
};

export const listNodesOfPool: Handler = reading(["nodes", "node-pools"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("nodes", "node-pools");
  return {
    index,
    async answer() {
      const name = nameOf(call);
      if (snapshot.nodePool(name) === undefined) throw missing();
      const nodes = withoutSecrets(snapshot.nodes(call.query.text("prefix")));
      const found = await page(call, nodes, byId<Node>(), (node) => name === NODE_POOL_ALL || node.NodePool === name);
      const shape = { resources: call.query.flag("resources", false, true), os: call.query.flag("os", false, true) };
      return list(found.items, (node) => context.texts.nodeStub(node, shape), { index, nextToken: found.nextToken });
    },
  };
});

export const listJobsOfPool: Handler = reading(["jobs", "job-summaries", "node-pools"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("jobs", "job-summaries", "node-pools");
  return {
    index,
    async answer() {
      const name = nameOf(call);
      if (snapshot.nodePool(name) === undefined) throw missing();
      const order = byNamespaceAndId<Job>(call.namespace);
      const keep = both<Job>((job) => job.NodePool === name, visible(call.grant, ["read-job"]));
      const found = await page(call, snapshot.jobs(call.namespace), order, keep);
      const meta = call.query.flag("meta", false, true);
      return list(found.items, (job) => context.texts.jobStub(job, snapshot.jobSummary(job.Namespace, job.ID), meta), {
        index,
        nextToken: found.nextToken,
      });
    },
  };
});

function missing() {
  return notFound("node pool not found");
}

function nameOf(call: Call): string {
  return call.parameters["name"] ?? "";
}
