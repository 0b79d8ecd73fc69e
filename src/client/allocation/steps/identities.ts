/**
 * The identities of the allocation's tasks and services, signed before anything of it begins: while no server can be reached it waits. Services
 * may come in place later: theirs are signed then (obtainIdentities).
 * When it is over its leases and tokens are given back (whatever it offered was withdrawn before) and its identities forgotten.
 */
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";

export const identities: Step<AllocationContext> = {
  name: "identities",
  enter: obtainIdentities,
  resume: obtainIdentities,
  exit: ({ world, allocation }) => {
    const { ID } = allocation();
    world.lookout.forget(ID);
    world.consulTokens.revoke(ID);
    world.vaultTokens.revoke(ID);
    world.identities.forget(ID);
  },
};

export async function obtainIdentities({ world, allocation, interruption, interrupted }: AllocationContext): Promise<void> {
  const stop = new AbortController();
  void interruption.then(() => stop.abort());
  try {
    await world.identities.obtain(allocation(), stop.signal);
  } catch (thrown) {
    if (!interrupted()) throw thrown;
  }
}
