/** How the proxies of an allocation stand, and who may talk to the services they stand for; for people. */
import type { AllocationId } from "#model";
import type { AllocationMesh, Intention } from "#ports";
import { messageOf } from "#std";
import { orAborted } from "../or-aborted.ts";
import type { ClientWorld } from "../world.ts";

/** A person waits, and the proxies' own words must not come too late for a Consul that says nothing. */
const INTENTIONS_WAIT_MS = 2_500;

export async function meshReport(world: Pick<ClientWorld, "proxyBoard" | "mesh" | "clock">, id: AllocationId): Promise<AllocationMesh> {
  const Proxies = await world.proxyBoard.reports(id, true);
  const services = [...new Set(Proxies.map((each) => each.Service).filter((each) => each !== ""))];
  if (services.length === 0) return { Proxies, Intentions: [], IntentionsProblem: "" };
  if (world.mesh === undefined) return { Proxies, Intentions: [], IntentionsProblem: "this agent has no Consul" };
  const { mesh } = world;
  const ended = new AbortController();
  const timer = world.clock.after(INTENTIONS_WAIT_MS, () => ended.abort(new Error("Consul did not answer in time")));
  try {
    const found = await orAborted(Promise.all(services.map((each) => mesh.intentions(each))), ended.signal);
    const once = new Map(found.flat().map((each): [string, Intention] => [JSON.stringify([each.source, each.destination]), each]));
    return { Proxies, Intentions: [...once.values()], IntentionsProblem: "" };
  } catch (thrown) {
    return { Proxies, Intentions: [], IntentionsProblem: messageOf(thrown) };
  } finally {
    timer.cancel();
  }
}
