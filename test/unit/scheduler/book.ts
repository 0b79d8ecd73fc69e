/** The real state, frozen, driven by its commands: what histories are tested against. Also counts the columns afresh. */
import assert from "node:assert/strict";
import { createVirtualClock } from "#integrations/memory";
import { clientTerminal, DEFAULT_SCHEDULER_CONFIGURATION, holdingOf } from "#model";
import type {
  AllocationClientUpdate,
  AllocationId,
  DesiredTransition,
  Evaluation,
  Job,
  JobId,
  Namespace,
  Node,
  Plan,
  SchedulerConfiguration,
} from "#model";
import { claimOf } from "#scheduler";
import { type Command, commandVersion, createState, type Outcome, type Snapshot, type State } from "#state";

export class Book {
  readonly #state: State;
  readonly #careful: boolean;

  /** Careful: everything stored is frozen, and the columns are counted afresh after every plan. */
  constructor(careful = true) {
    this.#careful = careful;
    this.#state = createState({ clock: createVirtualClock(), freeze: careful });
  }

  do(command: Command): Outcome {
    const index = this.#state.index + 1;
    return this.#state.apply(index, {
      version: commandVersion(command.type) as number,
      time: index * 1e9,
      requestId: `request-${index}`,
      command,
    });
  }

  addNode(node: Node): void {
    this.#must({ type: "node-register", Node: node, Evaluations: [] });
  }
  addJob(job: Job): Job {
    this.#must({ type: "job-register", Job: job, Submission: null, Evaluation: null, EnforceIndex: null, PreserveCounts: false });
    return this.snapshot().job(job.Namespace, job.ID) as Job;
  }
  stopJob(job: Job): void {
    this.#must({
      type: "job-deregister",
      Namespace: job.Namespace as Namespace,
      JobID: job.ID as JobId,
      Purge: false,
      NoShutdownDelay: false,
      Evaluation: null,
    });
  }
  nodeStatus(node: Node, Status: Node["Status"]): void {
    this.#must({ type: "node-status", NodeIDs: [node.ID], Status, Event: null, Evaluations: [] });
  }
  nodeEligibility(node: Node, Eligibility: Node["SchedulingEligibility"]): void {
    this.#must({ type: "node-eligibility", NodeID: node.ID, Eligibility, Event: null, Evaluations: [] });
  }
  configure(PreemptionConfig: SchedulerConfiguration["PreemptionConfig"]): void {
    const Configuration = { ...DEFAULT_SCHEDULER_CONFIGURATION, PreemptionConfig };
    this.#must({ type: "scheduler-configuration", Configuration, EnforceIndex: null });
  }
  report(update: AllocationClientUpdate): void {
    this.#must({ type: "allocations-client-update", Updates: [update], Evaluations: [] });
  }
  ask(id: AllocationId, transition: DesiredTransition): void {
    this.#must({ type: "allocations-desired-transition", Transitions: { [id]: transition }, Evaluations: [] });
  }
  commit(plan: Plan, evaluations: readonly Evaluation[] = []): void {
    this.#must({ type: "plan-apply", Plan: plan, Evaluations: evaluations });
    if (this.#careful) this.#assertColumns();
  }
  snapshot(): Snapshot {
    return this.#state.snapshot();
  }

  #must(command: Command): void {
    const outcome = this.do(command);
    assert(outcome.ok, outcome.ok ? "" : `${command.type}: ${outcome.reason}`);
  }

  /** Scheduler and state must count alike (F6): in what is counted, and in what has a name. */
  #assertColumns(): void {
    const snapshot = this.snapshot();
    const columns = snapshot.columns();
    for (const node of snapshot.nodes()) {
      const slot = columns.slotOf(node.ID) as number;
      const held = [...snapshot.allocationsByNode(node.ID)].filter((allocation) => !clientTerminal(allocation));
      const used = held.map((allocation) => holdingOf(allocation.AllocatedResources));
      const claims = held.map((allocation) => claimOf(allocation.AllocatedResources));
      assert.deepEqual([...columns.coresUsed(slot)].sort(), [...new Set(claims.flatMap((claim) => claim.cores))].sort());
      assert.deepEqual([...columns.devicesUsed(slot)].sort(), [...new Set(claims.flatMap((claim) => claim.devices))].sort());
      assert.equal(
        columns.cpuUsed[slot],
        used.reduce((sum, each) => sum + each.cpu, 0),
      );
      assert.equal(
        columns.memoryUsed[slot],
        used.reduce((sum, each) => sum + each.memory, 0),
      );
      assert.equal(
        columns.diskUsed[slot],
        used.reduce((sum, each) => sum + each.disk, 0),
      );
    }
  }
}
