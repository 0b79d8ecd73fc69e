/** Nodes that connect, register, beat, and connect again when they are lost, as a node's session does. Words: how many, where servers are. */
import { randomUUID } from "node:crypto";
import { createHostClock, createHostRandom } from "#integrations/host";
import { networkLink } from "#integrations/link";
import type { Node, NodeId } from "#model";
import type { NodeServices } from "#ports";

const [count = "0", ...servers] = process.argv.slice(2);
const clock = createHostClock();
const random = createHostRandom();
let connected = 0;
const tell = () => process.send?.({ connected });

async function live(): Promise<void> {
  const ID = randomUUID() as NodeId;
  const link = networkLink({ servers: async () => servers, clock, random });
  const node = {
    ID,
    SecretID: "secret",
    Name: ID,
    Attributes: Object.fromEntries(Array.from({ length: 80 }, (_, at) => [`attribute.${at}`, "value"])),
  };
  let waitMs = 250;
  for (;;) {
    const lost = Promise.withResolvers<void>();
    try {
      const end = { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as NodeServices };
      const connection = await link.connect({ ID, SecretID: "secret" }, end, () => lost.resolve());
      let { HeartbeatTtlMs: ttlMs } = await connection.register(node as unknown as Node);
      connected++;
      tell();
      waitMs = 250;
      let over = false;
      void lost.promise.then(() => (over = true));
      while (!over) {
        await Promise.race([clock.sleep(ttlMs * (0.5 + random.fraction() / 4)), lost.promise]);
        if (!over) ({ HeartbeatTtlMs: ttlMs } = await connection.heartbeat().catch(() => ({ HeartbeatTtlMs: ttlMs })));
      }
      connected--;
      tell();
    } catch {
      // Tried again below.
    }
    await clock.sleep(waitMs * (0.5 + random.fraction()));
    waitMs = Math.min(waitMs * 2, 15_000);
  }
}

for (let at = 0; at < Number(count); at++) void live();
process.once("disconnect", () => process.exit(0));
