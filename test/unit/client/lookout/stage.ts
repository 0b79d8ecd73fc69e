/** A node's lookout over systems in memory, whose agent can be killed and started again. */
import { createMemoryThings, type MemoryThings } from "#integrations/memory";
import type { Allocation, AllocationId, Namespace } from "#model";
import type { Thing, ThingSystem } from "#ports";
import type { NamedError } from "#std";
import type { Fact } from "#template";
import type { ThingReader } from "../../../../src/client/contract.ts";
import { ThingLookout } from "../../../../src/client/lookout/lookout.ts";
import { SealedFacts } from "../../../../src/client/sealed-facts.ts";
import { createSimulatedClock, type SimulatedClock } from "../../../simulation/clock.ts";
import { createSeededRandom } from "../../../simulation/random.ts";
import { aGroup, aJob, aTask } from "../../scheduler/nouns.ts";
import { allocationId } from "../stage.ts";
import { memoryStore } from "../tokens/memory-store.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
const KEY = new Uint8Array(32).fill(7);

export const key = (name: string): Thing => ({ system: "consul", kind: "key", name, options: {} });
export const secret = (name: string): Thing => ({ system: "vault", kind: "secret", name, options: {} });

export function anAllocation(letter: string): Allocation {
  const job = aJob({ TaskGroups: [aGroup({ Name: "group", Tasks: [aTask({ Name: "main" })] })] });
  return { ID: allocationId(letter), Namespace: "default" as Namespace, TaskGroup: "group", Job: job } as Allocation;
}

export interface LookoutWorld {
  readonly clock: SimulatedClock;
  readonly consul: MemoryThings;
  readonly vault: MemoryThings;
  /** The node's memory, as its file holds it. */
  readonly facts: Map<string, string>;
  /** What each task's token is now: by "<letter> <system>"; undefined: its own name. */
  readonly tokens: Map<string, string>;
  /** Whose token was said to be gone. */
  readonly gone: string[];
  /** Thrown instead of giving a token. */
  tokenTrouble: NamedError | undefined;
  /** An agent on this world's memory, its clock ahead of the others' by so much; the one before is dead: kill -9. */
  start(living?: readonly string[], aheadMs?: number): ThingLookout;
  readonly lookout: ThingLookout;
  reader(letter: string): ThingReader;
  forget(letter: string): void;
  value(letter: string, thing: Thing): unknown;
}

export function createLookoutWorld(how: { vaultAgainMs?: number; delayMs?: number; seed?: number } = {}): LookoutWorld {
  const clock = createSimulatedClock();
  const random = createSeededRandom(how.seed ?? 11);
  const system = (name: ThingSystem, againMs: number | null) =>
    createMemoryThings({ system: name, clock, random, againMs, delayMs: how.delayMs ?? 0 });
  const facts = new Map<string, string>();
  let generation = 0;
  let lookout: ThingLookout | undefined;
  const world: LookoutWorld = {
    clock,
    consul: system("consul", null),
    vault: system("vault", how.vaultAgainMs ?? 10 * SECOND),
    facts,
    tokens: new Map(),
    gone: [],
    tokenTrouble: undefined,
    start(living = [], aheadMs = 0) {
      const mine = ++generation;
      const store = memoryStore(facts, () => mine === generation);
      lookout = new ThingLookout({
        sources: [world.consul, world.vault].map((source) => ({
          system: source.system,
          // Of the dead nothing reaches the systems.
          read: (thing, wanted) => (mine === generation ? source.read(thing, wanted) : new Promise(() => {})),
          renew: (lease, token) => (mine === generation ? source.renew(lease, token) : new Promise(() => {})),
          revoke: (id, token) => (mine === generation ? source.revoke(id, token) : new Promise(() => {})),
        })),
        facts: new SealedFacts({ store, key: KEY }),
        clock: { ...clock, nowMs: () => clock.nowMs() + aheadMs, nowNs: () => clock.nowNs() + aheadMs * 1e6 },
        random,
        report: () => {},
      });
      lookout.restore(new Set(living.map(allocationId) as AllocationId[]));
      return lookout;
    },
    get lookout() {
      return lookout ?? world.start();
    },
    reader: (letter) =>
      world.lookout.reader({
        allocation: anAllocation(letter),
        task: "main",
        token: (name) => {
          if (world.tokenTrouble !== undefined) return Promise.reject(world.tokenTrouble);
          return Promise.resolve(world.tokens.get(`${letter} ${name}`) ?? letter);
        },
        tokenGone: (name) => world.gone.push(`${letter} ${name}`),
      }),
    forget: (letter) => world.lookout.forget(allocationId(letter)),
    value: (letter, thing) => {
      const found = [...world.reader(letter).facts()].find(([name]) => name.includes(JSON.stringify(thing.name)));
      return found === undefined ? "(unknown)" : (found[1] as Fact).value;
    },
  };
  return world;
}
