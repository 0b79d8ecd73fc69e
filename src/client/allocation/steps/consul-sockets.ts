/**
 * The allocation's ways to Consul, where its network has none: alloc/tmp/consul_grpc.sock and consul_http.sock. Open from before its tasks to after
 * them, and taken up again by an agent that was away, so that its proxies reach Consul again. nomad.md §2.5 "consul_grpc_socket".
 */
import { join } from "node:path";
import { groupOf } from "../progress.ts";
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";

export const consulSockets: Step<AllocationContext> = {
  name: "consul-sockets",
  enter: open,
  resume: open,
  exit: async ({ world, allocation, sockets }) => {
    world.proxyBoard.forget(allocation().ID);
    await sockets.close();
  },
};

async function open({ allocation, directory, sockets }: AllocationContext): Promise<void> {
  const group = groupOf(allocation());
  if (group !== undefined) await sockets.open(group, join(directory, "alloc"));
}
