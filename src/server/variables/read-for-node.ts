/**
 * A task's template asks through its node: with the rights of that task, and only where it runs. An answer waits until the path is
 * touched, at most WAIT_MS; what waits costs nothing meanwhile. With access control the task's policies say what it may, as if it asked by its
 * identity.
 */
import { type Grant, mayVariable, type WorkloadSubject } from "#access";
import { clientTerminal, type JobId, type Namespace as NamespaceName, type NodeId } from "#model";
import type { Clock, VariableAnswer, VariableQuestion } from "#ports";
import type { Cluster } from "#cluster";
import { variableDenied } from "./errors.ts";
import { requirePath } from "./request.ts";
import { type Asked, deniedByPolicies, whyDenied, type WorkloadOfVariables, workloadOfTask } from "./rights.ts";
import type { Sealer } from "./sealer.ts";
import { metadataOf } from "./shown.ts";
import { createPathWatch } from "./watch.ts";

const WAIT_MS = 20_000;

/** `grant` null: no access control. */
interface Reader extends WorkloadOfVariables {
  readonly grant: Grant | null;
}

export interface VariableReader {
  read(nodeId: NodeId, question: VariableQuestion): Promise<VariableAnswer>;
  readonly waiting: number;
  close(): void;
}

export function createVariableReader(
  { cluster, clock }: { readonly cluster: Pick<Cluster, "state">; readonly clock: Clock },
  sealer: Sealer,
  /** Where there is access control: what a workload may by its policies. undefined: rights.ts alone says it. */
  rightsOf?: (workload: WorkloadSubject) => Grant,
): VariableReader {
  const watch = createPathWatch(cluster.state, clock);

  /** null: it may. */
  function whyNot(asker: Reader, asked: Asked): ReturnType<typeof whyDenied> {
    if (asker.grant === null) return whyDenied(asker, asked);
    return mayVariable(asker.grant, asked.Namespace, asked.Path, asked.access) ? null : deniedByPolicies(asker, asked);
  }

  /** Throws VARIABLE_DENIED. The allocation may have ended while the question waited. */
  function workload(nodeId: NodeId, { AllocationID, Task, Namespace }: VariableQuestion): Reader {
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
    if (rightsOf === undefined) return { ...asker, grant: null };
    const { Group: TaskGroup, JobID } = asker;
    const of = { Namespace: asker.Namespace as NamespaceName, JobID: JobID as JobId, TaskGroup, Task, AllocationID };
    return { ...asker, grant: rightsOf(of) };
  }

  async function one(asker: WorkloadOfVariables, path: string): Promise<VariableAnswer> {
    const snapshot = cluster.state.snapshot();
    const found = snapshot.variable(asker.Namespace, path);
    // One that is gone is told by the index of the table, which its end has moved beyond any index it had.
    if (found === undefined) return { Index: snapshot.tableIndex("variables"), Variable: null, List: [] };
    return { Index: found.ModifyIndex, Variable: { ...metadataOf(found), Items: await sealer.open(found) }, List: [] };
  }

  function list(asker: Reader, prefix: string): VariableAnswer {
    const snapshot = cluster.state.snapshot();
    const { Namespace } = asker;
    const List = [];
    for (const each of snapshot.variables(Namespace, prefix)) {
      if (whyNot(asker, { access: "list", Namespace, Path: each.Path }) === null) List.push(metadataOf(each));
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
      const { Path, List, AfterIndex } = question;
      const admitted = (): Reader => {
        const asker = workload(nodeId, question);
        const denied = List ? null : whyNot(asker, { access: "read", Namespace: asker.Namespace, Path });
        if (denied !== null) throw variableDenied(denied.reason, denied.fix);
        return asker;
      };
      if (!List) requirePath(Path);
      let asker = admitted();
      if (AfterIndex > 0 && indexOf(asker, question) <= AfterIndex) {
        await watch.touched({ Namespace: asker.Namespace, Path, below: List }, WAIT_MS);
        asker = admitted();
      }
      return List ? list(asker, Path) : one(asker, Path);
    },
    get waiting() {
      return watch.waiting;
    },
    close: () => watch.close(),
  };
}
