/**
 * May this command be run? alloc-exec in the allocation's namespace, and alloc-node-exec where its task is not kept apart from the machine: there
 * a command is one on the machine. nomad.md §7 (ACL model).
 */
import { EVERYTHING, mayInNamespace, type Grant } from "#access";
import type { Allocation } from "#model";
import type { Context } from "../call.ts";
import type { ExecAsk } from "../exec/command.ts";
import { serverOnly } from "../refusal.ts";
import { requireCluster } from "../require.ts";
import { resolved, requireCapability } from "./admit.ts";
import { unknownRecord } from "./record.ts";
import { accessOf } from "./who.ts";

/** Drivers whose tasks see the machine's own files. */
const ON_THE_MACHINE: readonly string[] = ["raw_exec", "mock", "mock_driver"];

/** Resolves with what who asks may, once it is enough. Rejects with API_DENIED (403). An agent without a server leaves it to one (API_SERVER_ONLY). */
export async function admitCommand(ask: ExecAsk, token: string, namespace: string, context: Context): Promise<Grant> {
  const access = accessOf(context);
  if (access === undefined) return EVERYTHING;
  if (context.server === null) throw serverOnly();
  const grant: Grant = await resolved(token, access, context);
  if (grant.Management) return grant;
  if (ask.what.kind === "action") requireCapability(grant, ask.what.namespace, "alloc-exec");
  const snapshot = await requireCluster(context).read();
  if (ask.allocation === "" && ask.what.kind === "action") {
    // Any running one of the job's: of all of them it has to be allowed.
    for (const one of snapshot.allocationsByJob(ask.what.namespace, ask.what.job)) requireNodeExec(one, ask.task, grant);
    return grant;
  }
  const allocation = snapshot.allocation(ask.allocation);
  if (allocation === undefined || !mayInNamespace(grant, allocation.Namespace, "alloc-exec")) {
    requireCapability(grant, namespace, "alloc-exec");
    throw unknownRecord("allocation");
  }
  requireNodeExec(allocation, ask.task, grant);
  return grant;
}

function requireNodeExec(allocation: Allocation, task: string, grant: Grant): void {
  const group = allocation.Job?.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup);
  const driver = group?.Tasks.find(({ Name }) => Name === task)?.Driver;
  // What is not known counts as not kept apart.
  if (driver === undefined || ON_THE_MACHINE.includes(driver)) requireCapability(grant, allocation.Namespace, "alloc-node-exec");
}
