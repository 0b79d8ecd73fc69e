import { createHostClock, createHostRandom } from "#integrations/host";
import { createMemoryThings } from "#integrations/memory";
import type { Thing } from "#ports";
import { thingSourceConformance, type SourceUnderTest } from "./thing-source.ts";

for (const againMs of [null, 1_000]) {
  thingSourceConformance(againMs === null ? "memory, waiting" : "memory, asked again", () => {
    const source = createMemoryThings({ system: "vault", clock: createHostClock(), random: createHostRandom(), againMs });
    const thing: Thing = { system: "vault", kind: "secret", name: "secret/data/app", options: {} };
    const leased: Thing = { system: "vault", kind: "secret", name: "database/creds/app", options: {} };
    source.tokens = new Set(["rich", "poor"]);
    source.allowed = (_, token) => token === "rich";
    source.lend(leased, { lifeMs: 60_000, maxMs: 600_000 });
    return Promise.resolve<SourceUnderTest>({
      source,
      thing,
      write: async (text) => source.set(thing, text),
      expected: (text) => text,
      token: "rich",
      poorToken: "poor",
      deadToken: "dead",
      leased: { thing: leased, living: async () => source.leases.size },
      invalid: { ...thing, name: "a\0b" },
      cut: async () => {
        source.reachable = false;
      },
      close: () => Promise.resolve(),
    });
  });
}
