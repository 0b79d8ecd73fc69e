/** The rooms behind the door, or the refusal of an agent that runs no server. */
import type { Cluster } from "#cluster";
import type { Server } from "#server";
import type { Context } from "./call.ts";
import { serverOnly } from "./refusal.ts";

export function requireServer(context: Context): Server {
  if (context.server === null) throw serverOnly();
  return context.server;
}

export function requireCluster(context: Context): Cluster {
  if (context.cluster === null) throw serverOnly();
  return context.cluster;
}
