/** Evaluations as they are listed and shown, and what a change of a job or a deployment answers. nomad.md §3.2–3.5. */
import type { Evaluation } from "#model";
import type { DeploymentResponse, EvalResponse } from "#server";

export type EvaluationStub = Pick<
  Evaluation,
  | "ID"
  | "Priority"
  | "Type"
  | "TriggeredBy"
  | "Namespace"
  | "JobID"
  | "NodeID"
  | "DeploymentID"
  | "Status"
  | "StatusDescription"
  | "WaitUntil"
  | "NextEval"
  | "PreviousEval"
  | "BlockedEval"
  | "CreateIndex"
  | "ModifyIndex"
  | "CreateTime"
  | "ModifyTime"
>;

/** GET /v1/evaluation/:id */
export interface EvaluationDetail extends Evaluation {
  /** With ?related only. */
  readonly RelatedEvals: readonly EvaluationStub[] | null;
}

/** PUT …/evaluate, …/stop */
export type EvaluationAnswer = EvalResponse;

/** PUT /v1/deployment/{fail,pause,promote,allocation-health}/:id */
export type DeploymentUpdateAnswer = DeploymentResponse;
