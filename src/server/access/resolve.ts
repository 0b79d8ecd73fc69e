/**
 * Who is behind a token, and what they may.
 *
 *   ""            the policy "anonymous", if there is one
 *   a secret      its token ─► its policies, and those of its roles ─► rules
 *   a JWT         a workload's identity ─► the policies of its job, group, task; what every workload may without any; a node's: somebody, no more
 *
 * Kept until a policy, role or token changes; whether a time is over is asked each time.
 */
import { EVERYTHING, type Grant, mergeRules, NOTHING, type Rules } from "#access";
import type { AclToken } from "#model";
import type { Snapshot } from "#state";
import { tokenExpired, tokenNotFound } from "./errors.ts";
import type { AccessParts } from "./parts.ts";
import { createPolicyRules } from "./policy-rules.ts";
import { createWorkloadRights } from "./workload-rights.ts";

const KEPT_MAX = 10_000;
const SECRET_LENGTH_MAX = 16 * 1024;
const ANONYMOUS = "anonymous";

export function createResolver(
  parts: Pick<AccessParts, "cluster" | "clock" | "verifyIdentity" | "verifyNode">,
): (token: string) => Promise<Grant> {
  const { cluster, clock, verifyIdentity, verifyNode } = parts;
  let keptAt = -1;
  const kept = new Map<string, Grant>();
  const rulesOf = createPolicyRules();
  const rightsOf = createWorkloadRights(cluster, rulesOf);

  /** Names that are not there any more open nothing. */
  const merged = (snapshot: Snapshot, names: Iterable<string>): Rules =>
    mergeRules(
      [...new Set(names)].flatMap((name) => {
        const policy = snapshot.aclPolicy(name);
        return policy === undefined ? [] : [rulesOf(policy)];
      }),
    );

  function ofSecret(snapshot: Snapshot, secret: string): Grant {
    const token = secret === "" ? undefined : snapshot.aclTokenBySecret(secret);
    if (secret === "") return { ...NOTHING, Rules: merged(snapshot, [ANONYMOUS]) };
    if (token === undefined) throw tokenNotFound();
    const base = {
      Subject: token.AccessorID,
      AccessorID: token.AccessorID,
      ExpiresAtMs: token.ExpirationTime === null ? null : Date.parse(token.ExpirationTime),
    };
    if (token.Type === "management") return { ...EVERYTHING, ...base };
    return { ...NOTHING, ...base, Rules: merged(snapshot, policyNames(snapshot, token)) };
  }

  async function ofIdentity(jwt: string): Promise<Grant> {
    const claims = await verifyIdentity(jwt);
    const snapshot = cluster.state.snapshot();
    const allocation = claims === undefined ? undefined : snapshot.allocation(claims.nomad_allocation_id);
    const node = claims === undefined ? await verifyNode(jwt) : undefined;
    // A node is somebody, and may nothing but what its link is for.
    if (node !== undefined) return { ...NOTHING, Subject: `node ${node}` };
    if (claims === undefined || allocation === undefined) throw tokenNotFound();
    return rightsOf({
      Namespace: claims.nomad_namespace,
      JobID: claims.nomad_job_id,
      TaskGroup: allocation.TaskGroup,
      Task: claims.nomad_task ?? "",
      AllocationID: claims.nomad_allocation_id,
    });
  }

  return async (token) => {
    if (token.length > SECRET_LENGTH_MAX) throw tokenNotFound();
    if (token.split(".").length === 3) return ofIdentity(token);
    const snapshot = cluster.state.snapshot();
    const at = snapshot.tableIndex("acl-policies", "acl-roles", "acl-tokens");
    if (at !== keptAt || kept.size >= KEPT_MAX) kept.clear();
    keptAt = at;
    let grant = kept.get(token);
    if (grant === undefined) {
      grant = ofSecret(snapshot, token);
      kept.set(token, grant);
    }
    if (grant.ExpiresAtMs !== null && grant.ExpiresAtMs <= clock.nowMs()) throw tokenExpired();
    return grant;
  };
}

/** Its own, and its roles' as they are now. */
export function policyNames(snapshot: Snapshot, { Policies, Roles }: Pick<AclToken, "Policies" | "Roles">): readonly string[] {
  const ofRoles = Roles.flatMap(({ ID }) => snapshot.aclRole(ID)?.Policies.map(({ Name }) => Name) ?? []);
  return [...Policies, ...ofRoles];
}
