/**
 * A task's template asks through its node: with the rights of that task, and only where it runs. An answer waits until the path is
 * touched, at most WAIT_MS; what waits costs nothing meanwhile.
 */
import { clientTerminal, type NodeId } from "#model";
import type { Clock, VariableAnswer, VariableQuestion } from "#ports";
import type { Cluster } from "#cluster";
import { variableDenied } from "./errors.ts";
import { requirePath } from "./request.ts";
import { mayUse, whyDenied, type WorkloadOfVariables, workloadOfTask } from "./rights.ts";
import type { Sealer } from "./sealer.ts";
import { metadataOf } from "./shown.ts";
import { createPathWatch } from "./watch.ts";

const WAIT_MS = 20_000;

export interface VariableReader {
  read(nodeId: NodeId, question: VariableQuestion): Promise<VariableAnswer>;
  readonly waiting: number;
  close(): void;
}

export function createVariableReader(
  { cluster, clock }: { readonly cluster: Pick<Cluster, "state">; readonly clock: Clock },
  sealer: Sealer,
): VariableReader {
  const watch = createPathWatch(cluster.state, clock);

  /** Throws VARIABLE_DENIED. The allocation may have ended while the question waited. */
  function workload(nodeId: NodeId, { AllocationID, Task, Namespace }: VariableQuestion): WorkloadOfVariables {
    const allocation = cluster.state.snapshot().allocation(AllocationID);
    if (allocation === undefined || allocation.NodeID !== nodeId || clientTerminal(allocation)) {
      throw variableDenied(`allocation "${AllocationID}" is not one of this node that lives`, "Ask for allocations that run here.");
    }
    const group = allocation.Job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup);
    if (group?.Tasks.some(({ Name }) => Name === Task) !== true) {
      throw variableDenied(`allocation "${AllocationID}" has no task "${Task}"`, "Ask for a task of its group.");
    }
    const asker = workloadOfTask(allocation, Task);
    if (Namespace !== "" && Namespace !== asker.Namespace) {
      throw variableDenied(
        `task "${Task}" may not read variables of namespace "${Namespace}": it is of namespace "${asker.Namespace}"`,
        `Keep them in namespace "${asker.Namespace}".`,
      );
    }
    return asker;
  }

  async function one(asker: WorkloadOfVariables, path: string): Promise<VariableAnswer> {
    const snapshot = cluster.state.snapshot();
    const found = snapshot.variable(asker.Namespace, path);
    // One that is gone is told by the index of the table, which its end has moved beyond any index it had.
    if (found === undefined) return { Index: snapshot.tableIndex("variables"), Variable: null, List: [] };
    return { Index: found.ModifyIndex, Variable: { ...metadataOf(found), Items: await sealer.open(found) }, List: [] };
  }

  function list(asker: WorkloadOfVariables, prefix: string): VariableAnswer {
    const snapshot = cluster.state.snapshot();
    const { Namespace } = asker;
    const List = [];
    for (const each of snapshot.variables(Namespace, prefix)) {
      if (mayUse(asker, { access: "list", Namespace, Path: each.Path })) List.push(metadataOf(each));
    }
    return { Index: snapshot.tableIndex("variables"), Variable: null, List };
  }

  /** Where an answer would be today, without what it says: what is not wanted yet is not opened. */
  function indexOf({ Namespace }: WorkloadOfVariables, { Path, List }: VariableQuestion): number {
    const snapshot = cluster.state.snapshot();
    return (List ? undefined : snapshot.variable(Namespace, Path)?.ModifyIndex) ?? snapshot.tableIndex("variables");
  }

  return {
    async read(nodeId, question) {
      let asker = workload(nodeId, question);
      const { Path, List, AfterIndex } = question;
      if (!List) {
        requirePath(Path);
        const denied = whyDenied(asker, { access: "read", Namespace: asker.Namespace, Path });
        if (denied !== null) throw variableDenied(denied.reason, denied.fix);
      }
      if (AfterIndex > 0 && indexOf(asker, question) <= AfterIndex) {
        await watch.touched({ Namespace: asker.Namespace, Path, below: List }, WAIT_MS);
        asker = workload(nodeId, question);
      }
      return List ? list(asker, Path) : one(asker, Path);
    },
    get waiting() {
      return watch.waiting;
    },
    close: () => watch.close(),
  };
}
