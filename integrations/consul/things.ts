/**
 * ports/thing-source by Consul: keys, services, nodes, certificates of the mesh, each watched by blocking queries.
 *
 *   read("") ──► answered at once      read(index) ──► answered when it is different, or after `waitMs` and a little
 *
 * An index is good for the Consul it came from: after a failure (it may have been wiped, or be another one now) the next read does not wait.
 * Without a leader nothing is believed to be gone: a server that was just started does not know yet what it knew.
 *
 * Consul lets one caller have 200 connections and a waiting request holds one. Beyond WAITING_MAX the others look every few seconds instead.
 */
import type { Reading, Thing, ThingSource } from "#ports";
import { NamedError } from "#std";
import type { ConsulConnection } from "./connection.ts";
import { KINDS, type ThingKind } from "./kinds.ts";
import type { LookAnswer } from "./look.ts";
import { ConsulProblem } from "./problem.ts";

export interface ConsulThingsOptions {
  readonly connection: ConsulConnection;
  /** template { block_query_wait }. Default one minute; Consul adds up to a sixteenth. */
  readonly waitMs?: number;
  /** template { max_stale }: a server that follows its leader by more is not believed. Default ten years: any will do. */
  readonly maxStaleMs?: number;
  /** Waiting requests at once. Default 128. */
  readonly waitingMax?: number;
  /** 0 to 1; for spreading. */
  readonly random?: () => number;
}

export interface ConsulThings extends ThingSource {
  /** So far, and how many of them wait now. For measurements. */
  requests(): { readonly sent: number; readonly waiting: number };
}

const WAIT_MS = 60_000;
const MAX_STALE_MS = 87_600 * 3_600_000;
const WAITING_MAX = 128;
/** How often those look that found no place to wait. */
const LOOK_AGAIN_MS = 5_000;

/** Options that Consul knows by the same name. */
const PASSED_ON = ["dc", "ns", "partition", "near", "peer", "sameness-group"];

export function consulThings(options: ConsulThingsOptions): ConsulThings {
  const { connection, waitMs = WAIT_MS, maxStaleMs = MAX_STALE_MS, waitingMax = WAITING_MAX, random = Math.random } = options;
  let generation = 0;
  let sent = 0;
  let waiting = 0;
  let thisNode: string | undefined;

  const ask = async (
    kind: ThingKind,
    path: string,
    thing: Thing,
    how: Parameters<ThingSource["read"]>[1],
    index: string,
  ): Promise<LookAnswer> => {
    const waits = index !== "";
    const query = { ...queryOf(kind, thing), ...(waits ? { index, wait: `${waitMs}ms` } : {}) };
    const request = { token: how.token, signal: how.signal, waitsMs: waits ? Math.ceil((waitMs * 17) / 16) : 0 };
    sent++;
    if (waits) waiting++;
    try {
      const answer = await connection.look(path, { ...request, query: kind.local === true ? query : { ...query, stale: "" } });
      if (kind.local === true || answer.lastContactMs <= maxStaleMs) return answer;
      sent++;
      return await connection.look(path, { ...request, waitsMs: 0, query: queryOf(kind, thing) });
    } finally {
      if (waits) waiting--;
    }
  };

  /** `node` without a name is the one beside us. */
  const ownNode = async (thing: Thing, signal: AbortSignal): Promise<Thing> => {
    if (thisNode === undefined) {
      sent++;
      const { body } = await connection.look("/agent/self", { query: {}, token: "", signal, waitsMs: 0 }).catch(refusedSelf);
      thisNode = (body as { Config: { NodeName: string } }).Config.NodeName;
    }
    return { ...thing, name: thisNode };
  };

  return {
    system: "consul",
    requests: () => ({ sent, waiting }),

    async read(thing, how) {
      const kind = Object.hasOwn(KINDS, thing.kind) ? (KINDS[thing.kind] as ThingKind) : undefined;
      if (kind === undefined) throw invalid(`Cannot read ${JSON.stringify(thing.kind)} from Consul: there is no such kind of thing`);
      const known = indexOf(how.after, generation);
      const before = generation;
      try {
        const whole = thing.kind === "node" && thing.name === "" ? await ownNode(thing, how.signal) : thing;
        const path = kind.path(whole);
        if (path === undefined) throw nameless(kind, thing);
        const isFull = known !== "" && waiting >= waitingMax;
        const answer = await ask(kind, path, whole, how, kind.everyMs !== undefined || isFull ? "" : known);
        const reading = readingOf(kind, whole, answer, how, known, generation);
        if (!isFull) return reading;
        return { ...reading, againMs: Math.round(LOOK_AGAIN_MS * (0.5 + random())) };
      } catch (thrown) {
        how.signal.throwIfAborted();
        // Once for all that fail together.
        if (thrown instanceof ConsulProblem && thrown.passes && thrown.status !== 429 && generation === before) generation++;
        throw thrown instanceof NamedError ? thrown : thingError(kind, thing, how.token, thrown);
      }
    },

    // Nothing that is read here is lent.
    renew: () => Promise.reject(invalid("Cannot renew a lease of Consul: it gives none")),
    revoke: () => Promise.resolve(),
  };
}

/** What stands for nothing of this Consul any more is left out: the read does not wait. */
function indexOf(after: string, generation: number): string {
  const [of, index] = after.split(":");
  return of === String(generation) && index !== undefined ? index : "";
}

function queryOf(kind: ThingKind, thing: Thing): Record<string, string> {
  const passed = PASSED_ON.map((name) => [name, thing.options[name]] as const).filter(([, value]) => value !== undefined && value !== "");
  return { ...(Object.fromEntries(passed) as Record<string, string>), ...kind.query?.(thing) };
}

function readingOf(
  kind: ThingKind,
  thing: Thing,
  answer: LookAnswer,
  { token }: { readonly token: string },
  after: string,
  generation: number,
): Reading {
  const found = answer.found && answer.body !== null ? kind.value(answer.body, thing) : undefined;
  const value = found ?? kind.nothing;
  const isEmpty = value === undefined || (Array.isArray(value) && value.length === 0);
  if (!answer.knownLeader && (isEmpty || answer.index < Math.max(1, Number(after))))
    throw thingError(kind, thing, token, new ConsulProblem(500, "No cluster leader"));
  // It is there, or part of it: "nothing" would be a lie, and nobody would know why the file is empty.
  if (isEmpty && answer.filtered)
    throw thingError(kind, thing, token, new ConsulProblem(403, "Permission denied: entries were left out of the answer"));
  const waits = kind.everyMs === undefined;
  return {
    value,
    // Zero is none to wait by. One that went backwards is as good as any: it came with this value.
    index: waits ? `${generation}:${Math.max(1, answer.index)}` : "",
    againMs: kind.everyMs ?? null,
    private: kind.private === true,
    lease: null,
  };
}

function thingError(kind: ThingKind, thing: Thing, token: string, thrown: unknown): NamedError {
  const problem = thrown instanceof ConsulProblem ? thrown : new ConsulProblem(0, String(thrown));
  const cannot = `Cannot read ${kind.called(thing)} from Consul`;
  if (problem.tokenUnknown) {
    return new NamedError("THING_TOKEN_UNKNOWN", `${cannot}: Consul does not know the token (any more)`, {
      statusCode: 403,
      fix: token === "" ? "Correct the agent's consul { token }." : "A task's token is fetched anew by itself.",
    });
  }
  if (problem.passes) {
    const datacenter = /no path to datacenter/i.test(problem.message)
      ? `Datacenter ${JSON.stringify(thing.options["dc"])} is not known there: check the name.`
      : undefined;
    return new NamedError("THING_UNREACHABLE", `${cannot}: ${problem.message}`, {
      statusCode: 503,
      fix: datacenter ?? problem.fix ?? "It is tried again until Consul answers.",
    });
  }
  if (problem.status === 403 || problem.status === 401) {
    const who =
      token === ""
        ? "It was read with the agent's token: give the task one of its own by a block consul {}. Whichever is used"
        : 'The token of the task (its role in Consul is "nomad-tasks-<namespace>")';
    return new NamedError("THING_DENIED", `${cannot}: ${problem.message}`, {
      statusCode: 403,
      fix: `${who} needs a policy with: ${ruleOf(kind, thing, problem.message)}`,
    });
  }
  return new NamedError("THING_INVALID", `${cannot}: ${problem.message}`, {
    statusCode: 400,
    fix: problem.fix ?? "Correct what the template asks for.",
  });
}

/** No token of a task's helps here: it is asked with the agent's own. */
function refusedSelf(thrown: unknown): never {
  if (!(thrown instanceof ConsulProblem) || thrown.tokenUnknown || (thrown.status !== 403 && thrown.status !== 401)) throw thrown;
  throw new NamedError("THING_DENIED", `Cannot read this node from Consul: its name is not told: ${thrown.message}`, {
    statusCode: 403,
    fix: 'Name the node in the template, or give the agent\'s consul { token } a policy with: agent_prefix "" { policy = "read" }',
  });
}

/** Where acl.enable_key_list_policy is set, to list is more than to read. */
function ruleOf(kind: ThingKind, thing: Thing, said: string): string {
  return said.includes("key:list") ? kind.rule(thing).replace('"read"', '"list"') : kind.rule(thing);
}

function nameless(kind: ThingKind, thing: Thing): NamedError {
  return invalid(`Cannot read ${kind.called(thing)} from Consul: ${thing.name === "" ? "it has no name" : "no such name can be"}`);
}

function invalid(message: string): NamedError {
  return new NamedError("THING_INVALID", message, { statusCode: 400, fix: "Correct what the template asks for." });
}
