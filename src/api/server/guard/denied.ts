/** The refusals of access control, in the words of Nomad's API. nomad.md §3.1. */
import { NamedError } from "#std";
import type { Requirement } from "../../contract/mod.ts";

/** 403. `fix` says what would do; never what there is. */
export function denied(fix = "Ask with a token whose policies allow it."): NamedError {
  return new NamedError("API_DENIED", "Permission denied", { statusCode: 403, fix });
}

export function deniedFor(need: Requirement, namespace: string): NamedError {
  return denied(`It needs ${textOf(need, namespace)}.`);
}

/** "submit-job or register-job in namespace "team"" */
export function textOf(need: Requirement, namespace: string): string {
  switch (need.kind) {
    case "anyone":
      return "nothing";
    case "somebody":
      return "a token";
    case "management":
      return "a management token";
    case "inside":
      return need.about;
    case "namespace":
      return `${need.any.join(" or ")} ${need.of === undefined ? `in namespace ${JSON.stringify(namespace)}` : `in the ${need.of}'s namespace`}`;
    case "node-pool":
      return `node_pool ${need.any.join(" or ")}`;
    case "variable":
      return `${need.any.join(" or ")} on the variable's path`;
    case "operator":
      return `operator ${need.level}${need.capability === undefined ? "" : ` or its capability ${need.capability}`}`;
    default:
      return `${need.kind} ${need.level}`;
  }
}
