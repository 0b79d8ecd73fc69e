/** Access control over a state that is alone: what is proposed is applied, through the bytes of the log. */
import type { Cluster } from "#cluster";
import { createSeededRandom, createVirtualClock, type VirtualClock } from "#integrations/memory";
import { hostWeb } from "#integrations/host";
import { type Command, commandVersion, createCodec, createState, type State } from "#state";
import type { AllocationId, WorkloadClaims } from "#model";
import type { AccessControl } from "../../../../src/server/access/contract.ts";
import { createAccess } from "../../../../src/server/access/create-access.ts";
import type { AccessParts } from "../../../../src/server/access/parts.ts";

export interface AccessWorld {
  readonly state: State;
  readonly clock: VirtualClock;
  readonly access: AccessControl;
  readonly parts: AccessParts;
  /** What lies in acl-bootstrap-reset. */
  reset: number | null;
  /** JWT → whose it is. */
  readonly identities: Map<string, WorkloadClaims>;
  /** Another server of the same cluster: another process, the same state. */
  another(): AccessControl;
  apply(command: Command): void;
}

export function accessWorld(more: Partial<AccessParts> = {}): AccessWorld {
  const clock = createVirtualClock({ startMs: 1_800_000_000_000 });
  const random = createSeededRandom(7);
  const state = createState({ clock, freeze: true });
  const codec = createCodec();
  let index = 1;
  const propose = (command: Command) => {
    const version = commandVersion(command.type) ?? 0;
    index += 1;
    return state.apply(index, codec.decode(codec.encode({ version, time: clock.nowNs(), requestId: `request-${index}`, command })));
  };
  const cluster = {
    state,
    leads: true,
    propose: (command: Command) => Promise.resolve(propose(command)),
    read: () => Promise.resolve(state.snapshot()),
  } as unknown as Cluster;
  const identities = new Map<string, WorkloadClaims>();
  const world = { reset: null as number | null };
  const parts: AccessParts = {
    cluster,
    clock,
    random,
    report: () => undefined,
    policy: { tokenMinExpirationMs: 60_000, tokenMaxExpirationMs: 86_400_000 },
    verifyIdentity: (token) => Promise.resolve(identities.get(token)),
    verifyNode: (token) => Promise.resolve(token === "a.node.jwt" ? "node-1" : undefined),
    keys: undefined,
    web: hostWeb(),
    resetIndex: () => Promise.resolve(world.reset),
    ...more,
  };
  return Object.assign(world, {
    state,
    clock,
    parts,
    identities,
    access: createAccess(parts),
    another: () => createAccess(parts),
    apply: (command: Command) => {
      const outcome = propose(command);
      if (!outcome.ok) throw new Error(outcome.reason);
    },
  });
}

export function claimsOf(allocation: string, job: string, task: string): WorkloadClaims {
  return {
    nomad_namespace: "default",
    nomad_job_id: job,
    nomad_allocation_id: allocation as AllocationId,
    nomad_task: task,
  } as WorkloadClaims;
}
