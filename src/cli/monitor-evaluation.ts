/**
 * Follows an evaluation until it is done, then the deployment it belongs to, telling what happens as it happens. nomad.md §4.4 (job run).
 * Exit codes: 0 done, 2 something could not be placed, 1 failed or canceled, or the deployment was.
 */
import type { Evaluation } from "#model";
import type { Context } from "./command.ts";
import { monitorDeployment } from "./monitor-deployment.ts";
import { renderMetric } from "./render/metric.ts";
import { localRfc3339 } from "./render/time.ts";

/** How long a poll of the servers waits for a change. */
const POLL_WAIT_MS = 2_000;

export interface EvaluationMonitor {
  readonly verbose: boolean;
  /** Follow its deployment too (default). */
  readonly deployment?: boolean;
}

export async function monitorEvaluation(context: Context, evaluationId: string, options: EvaluationMonitor): Promise<number> {
  const short = (id: string) => (options.verbose ? id : id.slice(0, 8));
  const { terminal } = context;
  const stamp = () => localRfc3339(new Date(context.nowMs()));
  const say = (text: string) => terminal.print(`    ${stamp()}: ${text}`);
  const announce = (text: string) => terminal.print(terminal.colours.bold(`==> ${stamp()}: ${text}`));

  announce(`Monitoring evaluation ${quote(short(evaluationId))}`);
  const seen = new Map<string, { status: string; description: string }>();
  let status = "pending";
  let triggerTold = false;
  let deployment = "";
  let index = 0;
  for (;;) {
    context.interrupted.throwIfAborted();
    const answer = await context.api.evaluations.read(evaluationId, {
      signal: context.interrupted,
      ...(index === 0 ? {} : { index, waitMs: POLL_WAIT_MS }),
    });
    const evaluation = answer.value;
    index = answer.index;
    if (!triggerTold) {
      triggerTold = true;
      say(
        evaluation.JobID === ""
          ? `Evaluation triggered by ${quote(evaluation.TriggeredBy)}`
          : `Evaluation triggered by job ${quote(evaluation.JobID)}`,
      );
    }
    const { value: allocations } = await context.api.evaluations.allocations(evaluationId);
    for (const allocation of allocations.toSorted(
      (left, right) => left.CreateIndex - right.CreateIndex || (left.Name < right.Name ? -1 : 1),
    )) {
      const before = seen.get(allocation.ID);
      const name = quote(short(allocation.ID));
      if (before === undefined) {
        say(
          allocation.CreateIndex < evaluation.CreateIndex
            ? `Allocation ${name} modified: node ${quote(short(allocation.NodeID))}, group ${quote(allocation.TaskGroup)}`
            : `Allocation ${name} created: node ${quote(short(allocation.NodeID))}, group ${quote(allocation.TaskGroup)}`,
        );
      } else if (before.status !== allocation.ClientStatus) {
        const description = allocation.ClientDescription === "" ? "" : ` (${allocation.ClientDescription})`;
        say(`Allocation ${name} status changed: ${quote(before.status)} -> ${quote(allocation.ClientStatus)}${description}`);
      }
      seen.set(allocation.ID, { status: allocation.ClientStatus, description: allocation.ClientDescription });
    }
    // Told last: it is on record as soon as its allocations are, or a moment later.
    if (evaluation.Status !== "pending" && evaluation.DeploymentID !== deployment) {
      deployment = evaluation.DeploymentID;
      if (deployment !== "") say(`Evaluation within deployment: ${quote(short(deployment))}`);
    }
    if (evaluation.Status !== status) {
      say(`Evaluation status changed: ${quote(status)} -> ${quote(evaluation.Status)}`);
      status = evaluation.Status;
    }
    if (status === "complete" || status === "failed" || status === "canceled" || status === "blocked") {
      return finish(evaluation);
    }
  }

  async function finish(evaluation: Evaluation): Promise<number> {
    const failures = Object.entries(evaluation.FailedTGAllocs ?? {});
    if (failures.length === 0) {
      announce(`Evaluation ${quote(short(evaluationId))} finished with status ${quote(evaluation.Status)}`);
      if (evaluation.Status === "failed" && evaluation.StatusDescription !== "") say(evaluation.StatusDescription);
    } else {
      announce(
        `Evaluation ${quote(short(evaluationId))} finished with status ${quote(evaluation.Status)} but failed to place all allocations:`,
      );
      for (const [group, metric] of failures) {
        const count = metric.CoalescedFailures + 1;
        say(`Task Group ${quote(group)} (failed to place ${count} allocation${count === 1 ? "" : "s"}):`);
        terminal.print(renderMetric(metric, { scores: options.verbose, indent: "      " }));
      }
      if (evaluation.BlockedEval !== "") {
        say(`Evaluation ${quote(short(evaluation.BlockedEval))} waiting for additional capacity to place remainder`);
      }
    }
    if (evaluation.Status === "failed" || evaluation.Status === "canceled") return 1;
    if (failures.length > 0) return 2;
    return deployment === "" || options.deployment === false ? 0 : monitorDeployment(context, deployment, { verbose: options.verbose });
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
