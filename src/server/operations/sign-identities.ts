/**
 * A node asks who its workloads are, as JWTs: claims from the state, signed with the active root key. nomad.md §7 "Workload identity".
 *
 *   request ──► an allocation of this node, not over? ──► the identity its job gives it ──► claims ──► signed
 *
 * Only what stands in the allocation's job is signed, or what the servers' own configuration gives it.
 */
import { type Allocation, clientTerminal, type IdentityAnswer, type IdentityRequest, type NodeId } from "#model";
import { SignJWT } from "jose";
import type { ServerContext } from "../context.ts";
import { claimsOf } from "../keyring/claims.ts";
import { type GeneratedIdentities, workloadOf } from "../keyring/workload.ts";
import type { SigningKey } from "../keyring/key-pair.ts";

/** At one time: a thousand at once would keep others from the threads that sign. */
const BATCH = 32;

export interface IdentitySigner {
  /** In the order asked. Waits for the first key. */
  sign(nodeId: NodeId, requests: readonly IdentityRequest[]): Promise<readonly IdentityAnswer[]>;
}

export interface SignerOptions {
  readonly signing: () => Promise<SigningKey>;
  /** "": none is configured. */
  readonly issuer: string;
  readonly generated: GeneratedIdentities;
}

export function createIdentitySigner(context: ServerContext, options: SignerOptions): IdentitySigner {
  return {
    async sign(nodeId, requests) {
      const key = await options.signing();
      const answers: IdentityAnswer[] = [];
      for (let at = 0; at < requests.length; at += BATCH) {
        const batch = requests.slice(at, at + BATCH);
        answers.push(...(await Promise.all(batch.map((request) => answer(context, options, key, nodeId, request)))));
      }
      return answers;
    },
  };
}

async function answer(
  context: ServerContext,
  { issuer, generated }: SignerOptions,
  key: SigningKey,
  nodeId: NodeId,
  request: IdentityRequest,
): Promise<IdentityAnswer> {
  const snapshot = context.cluster.state.snapshot();
  const allocation = snapshot.allocation(request.AllocationID);
  const refusal = refusalOf(allocation, nodeId, request);
  if (refusal !== undefined) return { Request: request, Refused: refusal };
  const workload = workloadOf(allocation as Allocation, request, generated);
  if (typeof workload === "string") return { Request: request, Refused: workload };
  const claims = claimsOf(workload, snapshot.node(nodeId), { issuer, nowMs: context.clock.nowMs(), id: context.random.uuid() });
  const JWT = await new SignJWT({ ...claims } as Record<string, unknown>)
    .setProtectedHeader({ alg: key.algorithm, kid: key.id, typ: "JWT" })
    .sign(key.key);
  return { Request: request, JWT, IssuedAt: claims.iat, ExpiresAt: claims.exp ?? 0 };
}

/** Another node's is unknown here: who asks learns nothing. */
function refusalOf(allocation: Allocation | undefined, nodeId: NodeId, request: IdentityRequest): string | undefined {
  if (allocation === undefined || allocation.NodeID !== nodeId) return `allocation "${request.AllocationID}" is not on this node`;
  return clientTerminal(allocation) ? `allocation "${request.AllocationID}" has ended` : undefined;
}
