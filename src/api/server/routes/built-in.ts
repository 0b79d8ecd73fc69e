/** Namespaces and node pools: the ones every cluster has. Making more comes later. */
import type { Job, Node } from "#model";
import type { NamespaceDetail, NodePoolDetail } from "../../contract/mod.ts";
import { reading } from "../blocking.ts";
import { list, value, type Call, type Handler } from "../call.ts";
import { byId, byNamespaceAndId, page } from "../listing/page.ts";
import { compileFilter } from "../filter/mod.ts";
import { notFound } from "../refusal.ts";
import { withoutSecrets } from "./nodes.ts";

export const NAMESPACES: readonly NamespaceDetail[] = [
  { Name: "default", Description: "Default shared namespace", Meta: null, Quota: "", Capabilities: null, CreateIndex: 1, ModifyIndex: 1 },
];

const pool = (Name: string, Description: string): NodePoolDetail => ({
  Name,
  Description,
  Meta: null,
  NodeIdentityTTL: 0,
  SchedulerConfiguration: null,
  CreateIndex: 1,
  ModifyIndex: 1,
});
export const NODE_POOLS: readonly NodePoolDetail[] = [
  pool("all", "Node pool with all nodes in the cluster."),
  pool("default", "Default node pool."),
];

export const listNamespaces: Handler = reading([], (_snapshot, call) => listed(NAMESPACES, call));
export const listNodePools: Handler = reading([], (_snapshot, call) => listed(NODE_POOLS, call));

function listed(all: readonly { readonly Name: string }[], call: Call) {
  return {
    index: 1,
    answer() {
      const filter = call.query.text("filter");
      const matches = filter === "" ? () => true : compileFilter(filter);
      return value(
        all.filter((one) => one.Name.startsWith(call.query.text("prefix")) && matches(one)),
        { index: 1 },
      );
    },
  };
}

export const readNamespace: Handler = (call) => one(NAMESPACES, call, "Namespace not found");
export const readNodePool: Handler = (call) => one(NODE_POOLS, call, "node pool not found");

function one(all: readonly { readonly Name: string }[], call: Call, missing: string) {
  const found = all.find((each) => each.Name === call.parameters["name"]);
  if (found === undefined) throw notFound(missing);
  return value(found, { index: 1 });
}

export const listNodesOfPool: Handler = reading(["nodes"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("nodes");
  return {
    index,
    async answer() {
      one(NODE_POOLS, call, "node pool not found");
      const name = call.parameters["name"] ?? "";
      const found = await page(call, withoutSecrets(snapshot.nodes()), byId<Node>(), (node) => name === "all" || node.NodePool === name);
      const shape = { resources: call.query.flag("resources", false, true), os: call.query.flag("os", false, true) };
      return list(found.items, (node) => context.texts.nodeStub(node, shape), { index, nextToken: found.nextToken });
    },
  };
});

export const listJobsOfPool: Handler = reading(["jobs", "job-summaries"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("jobs", "job-summaries");
  return {
    index,
    async answer() {
      one(NODE_POOLS, call, "node pool not found");
      const name = call.parameters["name"] ?? "";
      const order = byNamespaceAndId<Job>(call.namespace);
      const found = await page(call, snapshot.jobs(call.namespace), order, (job) => job.NodePool === name);
      const meta = call.query.flag("meta", false, true);
      return list(found.items, (job) => context.texts.jobStub(job, snapshot.jobSummary(job.Namespace, job.ID), meta), {
        index,
        nextToken: found.nextToken,
      });
    },
  };
});
