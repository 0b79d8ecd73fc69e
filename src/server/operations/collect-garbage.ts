/** Everything that is over goes now: from the state, then from the machines of the connected nodes. */
import { messageOf } from "#std";
import type { ServerContext } from "../context.ts";
import type { Sessions } from "../nodes/sessions.ts";
import type { GarbageCollector } from "../reconcilers/garbage.ts";

export async function collectGarbage(context: ServerContext, collector: GarbageCollector, sessions: Sessions): Promise<void> {
  await collector.force();
  // A node that cannot tidy up now does so by itself later; the state is what was asked for.
  const results = await Promise.allSettled(sessions.everyServices().map((services) => services.collectAll()));
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    context.report({ level: "warn", message: "a node could not collect its garbage", fields: { error: messageOf(result.reason) } });
  }
}
