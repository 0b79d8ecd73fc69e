/** Clients of a register that is a variable: over HTTP, any server, writes blind or over the index they have seen; and readers of stale values. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "#ports";
import type { Ending, History } from "../history/record.ts";
import type { RegisterCall } from "../history/register.ts";
import type { StaleRead } from "../history/stale.ts";
import type { Server } from "./linearizable-faults.ts";
import type { MachineAnswer } from "./parts/cluster-world.ts";

export interface Clients {
  readonly stale: readonly StaleRead[];
  /** How often what was answered; of errors their text. */
  readonly answers: ReadonlyMap<string, number>;
  /** No answer that a client may get. */
  readonly strange: readonly string[];
  /** performance.now() of each acknowledged write. */
  readonly acknowledged: readonly number[];
  register(): string;
  end(): Promise<void>;
}

const TIMEOUT_MS = 4_000;
/** Longer than a server tries: it says itself what it does not know. */
const PATIENT_MS = 14_000;
const REGISTERS = 3;
/** Registers are left after so long: the search in a history is by register. */
const REGISTER_MS = 8_000;

export function startClients(options: {
  readonly servers: readonly Server[];
  readonly history: History;
  readonly random: Random;
  readonly clients: number;
  readonly pauseMs: number;
}): Clients {
  const { servers, history, random, clients, pauseMs } = options;
  const stale: StaleRead[] = [];
  const answers = new Map<string, number>();
  const strange: string[] = [];
  const acknowledged: number[] = [];
  const begunMs = performance.now();
  let over = false;
  let written = 0;
  const count = (what: string): void => void answers.set(what, (answers.get(what) ?? 0) + 1);
  const register = (): string => `${Math.floor((performance.now() - begunMs) / REGISTER_MS)}-${random.integer(REGISTERS)}`;

  const client = async (process: string): Promise<void> => {
    const seen = new Map<string, number>();
    while (!over) {
      await sleep(random.integer(2 * pauseMs));
      const server = servers[random.integer(servers.length)] as Server;
      if (server.down) continue;
      const at = register();
      const dice = random.fraction();
      const value = `${process}-${written++}`;
      const call: RegisterCall =
        dice < 0.5 ? { kind: "read" } : dice < 0.7 ? { kind: "write", value } : { kind: "cas", expected: seen.get(at) ?? 0, value };
      const ending = await history.run(`${process}@${server.machine.name}`, at, call, async () => {
        const how = await ask(server, at, call, process === "p0" ? PATIENT_MS : TIMEOUT_MS);
        count(`${call.kind}: ${how.told}`);
        if (how.strange) strange.push(`${server.machine.name} ${call.kind}: ${how.told}`);
        return how.ending;
      });
      if (typeof ending === "string") continue;
      if (ending.kind === "written") acknowledged.push(performance.now());
      seen.set(at, ending.index);
    }
  };
  const staleReader = async (server: Server): Promise<void> => {
    while (!over) {
      await sleep(pauseMs);
      if (server.down) continue;
      const at = register();
      const beganAt = history.now();
      const answer = await server.machine.request(`/v1/var/${at}?stale`, { timeoutMs: TIMEOUT_MS }).catch(() => undefined);
      const ending = answer === undefined ? undefined : valueOf(answer);
      if (ending === undefined) continue;
      stale.push({ server: server.machine.name, register: at, beganAt, endedAt: history.now(), value: ending.value, index: ending.index });
    }
  };
  const all = Promise.all([...Array.from({ length: clients }, (_, n) => client(`p${n}`)), ...servers.map(staleReader)]);
  all.catch(() => undefined);
  return {
    stale,
    answers,
    strange,
    acknowledged,
    register,
    async end() {
      over = true;
      await all;
    },
  };
}

interface How {
  readonly ending: Ending;
  readonly told: string;
  readonly strange?: boolean;
}

export async function ask({ machine }: Server, register: string, call: RegisterCall, timeoutMs = TIMEOUT_MS): Promise<How> {
  const cas = call.kind === "cas" ? `?cas=${call.expected}` : "";
  const options = call.kind === "read" ? {} : { method: "PUT", body: { Items: { value: call.value } } };
  let answer: MachineAnswer;
  try {
    answer = await machine.request(`/v1/var/${register}${cas}`, { ...options, timeoutMs });
  } catch {
    return { ending: "unknown", told: "no answer" };
  }
  const { status, text } = answer;
  const known = valueOf(answer);
  if (known !== undefined && call.kind !== "read" && status === 200) {
    if (known.value !== call.value) return { ending: "unknown", told: `200 for another value: ${text}`, strange: true };
    return { ending: { kind: "written", index: known.index }, told: "200" };
  }
  if (known !== undefined && (call.kind === "read" || status === 409)) return { ending: known, told: String(status) };
  // What is said of a write that is not known to have happened: it never did, unless it is said that it may.
  const nothing = /^(No cluster leader|Cannot write)/.test(text) && !/may still|perhaps|shutting down/.test(text);
  if (status === 500 || status === 503)
    return {
      ending: nothing ? "failed" : "unknown",
      told: `${status} ${text.replace(/\s+|unix:\S+|[\d.]+:\d+(->)?/g, " ").slice(0, 200)}`,
    };
  return { ending: "unknown", told: `${status} ${text.slice(0, 160)}`, strange: true };
}

function valueOf({ status, text }: MachineAnswer): Extract<Ending, { readonly kind: "told" }> | undefined {
  if (status === 404) return text.includes("variable not found") ? { kind: "told", value: null, index: 0 } : undefined;
  if (status !== 200 && status !== 409) return undefined;
  const { Items, ModifyIndex } = JSON.parse(text) as { Items: Record<string, string> | null; ModifyIndex: number };
  const value = Items?.["value"] ?? null;
  return { kind: "told", value, index: value === null ? 0 : ModifyIndex };
}
