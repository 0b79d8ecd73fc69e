/** Branded ids: a node's id cannot be given where an allocation's is wanted. At run time they are plain strings. */
import Type from "typebox";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type JobId = Branded<"JobId">;
export type NodeId = Branded<"NodeId">;
export type AllocationId = Branded<"AllocationId">;
export type EvaluationId = Branded<"EvaluationId">;
export type DeploymentId = Branded<"DeploymentId">;
export type Namespace = Branded<"Namespace">;

export const JobId = Type.Unsafe<JobId>(Type.String({ default: "" }));
export const NodeId = Type.Unsafe<NodeId>(Type.String({ default: "" }));
export const AllocationId = Type.Unsafe<AllocationId>(Type.String({ default: "" }));
export const EvaluationId = Type.Unsafe<EvaluationId>(Type.String({ default: "" }));
export const DeploymentId = Type.Unsafe<DeploymentId>(Type.String({ default: "" }));
export const Namespace = Type.Unsafe<Namespace>(Type.String({ default: "" }));

/** The namespace everything lives in unless it says otherwise. */
export const DEFAULT_NAMESPACE = "default" as Namespace;
