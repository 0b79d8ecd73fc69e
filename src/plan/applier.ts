/**
 * Takes plans one at a time, checks each against the newest state, and hands what holds to the log. While a plan waits for the disk
 * the next is checked already, as if those in flight were done (verify.ts): the log can put many plans in one sync.
 *
 *   submit ─► queue ─► verify ─► propose ─► answer
 *                        ▲          │
 *                        └ in flight┘
 */
import assert from "node:assert/strict";
import type { Cluster } from "#cluster";
import { type Evaluation, type Plan, planIsEmpty, type PlanResult } from "#model";
import { NamedError } from "#std";
import { planQueue } from "./queue.ts";
import { verifyPlan } from "./verify.ts";

export interface PlanApplier {
  /**
   * Resolves when what holds of the plan is durable and applied. The evaluations are stored in the same log entry, and only if the
   * plan was committed in full; else schedule again from a snapshot at `Index` or later. What `alongside` makes of the part that is
   * committed is stored with it in any case: looks at jobs that were preempted, times at which something noted is tried again.
   * Rejects with NamedError LOG_WRITE_FAILED (nothing happened), PLAN_REFUSED (the state refused the entry), PLAN_APPLIER_CLOSED.
   */
  submit(
    plan: Plan,
    evaluations: readonly Evaluation[],
    alongside?: (kept: Plan, full: boolean) => readonly Evaluation[],
  ): Promise<PlanResult>;
  /** Plans waiting to be checked, and plans on their way into the log. */
  readonly waiting: number;
  readonly inFlight: number;
  /** Refuses what waits; what is in flight ends by itself. */
  close(): void;
}

export interface PlanApplierOptions {
  readonly cluster: Pick<Cluster, "propose" | "state">;
  /** Plans on their way into the log at once. */
  readonly inFlightMax?: number;
  /** Starts a watch for "plan.evaluate" or "plan.apply", and answers how to stop it. */
  readonly timed?: (what: string) => () => void;
}

const IN_FLIGHT_MAX = 8;

interface Submission {
  readonly plan: Plan;
  readonly evaluations: readonly Evaluation[];
  readonly alongside: (kept: Plan, full: boolean) => readonly Evaluation[];
  readonly settle: (result: PlanResult) => void;
  readonly fail: (error: unknown) => void;
}

export function createPlanApplier({ cluster, inFlightMax = IN_FLIGHT_MAX, timed = () => () => {} }: PlanApplierOptions): PlanApplier {
  const queue = planQueue<Submission>();
  const inFlight = new Set<Plan>();
  let closed = false;

  const pump = (): void => {
    while (inFlight.size < inFlightMax) {
      const submission = queue.pop();
      if (submission === undefined) return;
      commit(submission).then(submission.settle, submission.fail);
    }
  };

  // Runs without a break up to the proposal: between a look at the state and the note that the plan is in flight nothing comes.
  const commit = async ({ plan, evaluations, alongside }: Submission): Promise<PlanResult> => {
    const verified = timed("plan.evaluate");
    const { Plan: kept, Rejected, Full } = verifyPlan(cluster.state.snapshot(), plan, [...inFlight]);
    verified();
    if (!Full && planIsEmpty(kept)) return { Index: 0, Rejected, Full };
    inFlight.add(kept);
    const applied = timed("plan.apply");
    try {
      const Evaluations = [...(Full ? evaluations : []), ...alongside(kept, Full)];
      const outcome = await cluster.propose({ type: "plan-apply", Plan: kept, Evaluations });
      if (!outcome.ok) throw new NamedError("PLAN_REFUSED", `Cannot apply plan of evaluation "${plan.EvalID}": ${outcome.reason}`);
      return { Index: outcome.index, Rejected, Full };
    } finally {
      applied();
      assert(inFlight.delete(kept), "a plan in flight lands once");
      pump();
    }
  };

  return {
    submit: (plan, evaluations, alongside = () => []) =>
      new Promise((settle, fail) => {
        if (closed) return fail(closedError(plan));
        queue.push(plan.Priority, { plan, evaluations, alongside, settle, fail });
        pump();
      }),
    get waiting() {
      return queue.size;
    },
    get inFlight() {
      return inFlight.size;
    },
    close() {
      closed = true;
      for (let left = queue.pop(); left !== undefined; left = queue.pop()) left.fail(closedError(left.plan));
    },
  };
}

function closedError(plan: Plan): NamedError {
  const message = `Cannot apply plan of evaluation "${plan.EvalID}": this server is shutting down`;
  return new NamedError("PLAN_APPLIER_CLOSED", message, { statusCode: 503 });
}
