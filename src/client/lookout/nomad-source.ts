/**
 * What the servers know, for templates: variables (each read with the rights of the task's own identity, by the servers) and the registry of
 * services (which every node hears of). In place of a token stands the task (workload.ts).
 */
import { createHash } from "node:crypto";
import { chooseServices, type ServiceRegistration, type Variable, type VariableMetadata } from "#model";
import { thingLabel, type Clock, type Reading, type Thing, type ThingSource, type VariableAnswer } from "#ports";
import { messageOf, NamedError } from "#std";
import type { Servers } from "../contract.ts";
import { orAborted } from "../or-aborted.ts";
import type { NomadServices } from "./nomad-services.ts";
import { workloadOf, type Workload } from "./workload.ts";

/** Nobody answers for so long: it is said. The servers answer a waiting question within 20 s. */
const ANSWER_MS = 10_000;
const WAITING_ANSWER_MS = 60_000;
const SERVICES_WAIT_MS = 60_000;

export interface NomadThingsNeeds {
  readonly servers: Pick<Servers, "readVariable">;
  readonly services: NomadServices;
  /** Called before the first look at a service: from then on the node has to hear of the registry. Left out: it does anyway. */
  readonly followServices?: () => void;
  readonly clock: Clock;
}

export function nomadThings(needs: NomadThingsNeeds): ThingSource {
  let follows = false;
  return {
    system: "nomad",
    read(thing, { token, after, signal }) {
      const workload = workloadOf(token);
      if (thing.kind === "variable" || thing.kind === "variables") return readVariable(needs, thing, workload, after, signal);
      if (thing.kind !== "service" && thing.kind !== "services") {
        return Promise.reject(new NamedError("THING_INVALID", `Cannot look at "${thing.name}": the servers know no "${thing.kind}"`));
      }
      if (!follows) needs.followServices?.();
      follows = true;
      return readServices(needs, thing, workload, after, signal);
    },
    renew: () => Promise.reject(new NamedError("THING_INVALID", "Cannot renew a lease: the servers give none")),
    revoke: () => Promise.resolve(),
  };
}

async function readVariable(
  { servers, clock }: NomadThingsNeeds,
  thing: Thing,
  { allocation, task, namespace }: Workload,
  after: string,
  signal: AbortSignal,
): Promise<Reading> {
  const AfterIndex = /^\d{1,15}$/.test(after) ? Number(after) : 0;
  const question = { AllocationID: allocation, Task: task, Namespace: thing.options["ns"] ?? namespace, Path: thing.name };
  const limited = limit(clock, signal, AfterIndex === 0 ? ANSWER_MS : WAITING_ANSWER_MS);
  try {
    const answer = await servers.readVariable({ ...question, List: thing.kind === "variables", AfterIndex }, limited.signal);
    const value = thing.kind === "variables" ? answer.List.map(metadataOf) : valueOf(answer);
    return { value, index: String(answer.Index), againMs: null, private: false, lease: null };
  } catch (thrown) {
    signal.throwIfAborted();
    throw problemOf(thing, thrown);
  } finally {
    limited.release();
  }
}

function valueOf({ Variable: found }: VariableAnswer): unknown {
  return found === null ? undefined : ({ ...metadataOf(found), Items: found.Items } satisfies Variable);
}

function metadataOf({ Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime }: VariableMetadata): VariableMetadata {
  return { Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime };
}

function problemOf(thing: Thing, thrown: unknown): NamedError {
  const refused = thrown instanceof NamedError && thrown.statusCode < 500;
  if (!refused) {
    return new NamedError("THING_UNREACHABLE", `Cannot read ${thingLabel(thing)}: no server answers (${messageOf(thrown)})`, {
      statusCode: 503,
    });
  }
  const how = { statusCode: thrown.statusCode, ...(thrown.fix === undefined ? {} : { fix: thrown.fix }) };
  const text = `Cannot read ${thingLabel(thing)}: ${thrown.message}`;
  return thrown.statusCode === 400 ? new NamedError("THING_INVALID", text, how) : new NamedError("THING_DENIED", text, how);
}

/** Waits until the answer is another than the one with this index. */
async function readServices(
  { services, clock }: NomadThingsNeeds,
  thing: Thing,
  { namespace }: Workload,
  after: string,
  signal: AbortSignal,
): Promise<Reading> {
  const wanted = thing.options["ns"] ?? namespace;
  if (wanted !== namespace) {
    throw new NamedError(
      "THING_DENIED",
      `Cannot look at ${thingLabel(thing)}: it is in namespace "${wanted}", the task in "${namespace}"`,
      {
        statusCode: 403,
        fix: "Templates see the services of their own namespace.",
      },
    );
  }
  const changed = Promise.withResolvers<void>();
  const timers = [clock.after(SERVICES_WAIT_MS, changed.resolve)];
  const look = () => readingOf(services, thing, wanted);
  const unsubscribe = services.subscribe((where, name) => {
    if (where === wanted && (thing.kind === "services" || name === thing.name) && look().index !== after) changed.resolve();
  });
  try {
    if (!services.complete) {
      const late = Promise.withResolvers<void>();
      timers.push(clock.after(ANSWER_MS, late.resolve));
      await orAborted(Promise.race([services.whenComplete, late.promise]), signal);
      if (!services.complete) {
        throw new NamedError("THING_UNREACHABLE", `Cannot look at ${thingLabel(thing)}: no server has sent the registry yet`, {
          statusCode: 503,
        });
      }
    }
    if (look().index === after) await orAborted(changed.promise, signal);
    return look();
  } finally {
    for (const timer of timers) timer.cancel();
    unsubscribe();
  }
}

function readingOf(services: NomadServices, thing: Thing, namespace: string): Reading {
  const value = thing.kind === "services" ? listed(services, namespace) : instances(services, thing, namespace);
  const index = createHash("sha256").update(JSON.stringify(value)).digest("base64url");
  return { value, index, againMs: null, private: false, lease: null };
}

function listed(services: NomadServices, namespace: string): readonly unknown[] {
  return services.names(namespace).map((Name) => ({
    Name,
    Tags: [...new Set(services.find(namespace, Name).flatMap(({ Tags }) => Tags))].toSorted(),
  }));
}

function instances(services: NomadServices, { name, options }: Thing, namespace: string): readonly unknown[] {
  const all = services.find(namespace, name);
  const count = options["count"];
  if (count === undefined) return all.map(instance);
  if (!/^[1-9]\d{0,8}$/.test(count) || (options["hash"] ?? "") === "") {
    throw new NamedError(
      "THING_INVALID",
      `Cannot choose instances of "${name}": count is "${count}", wanted a number of 1 or more and a key`,
    );
  }
  return chooseServices(all, Number(count), options["hash"] ?? "").map(instance);
}

function instance(service: ServiceRegistration): unknown {
  const { ID, ServiceName, NodeID, Address, Port, Datacenter, Tags, JobID, AllocID } = service;
  return { ID, Name: ServiceName, Node: NodeID, NodeID, Address, Port, Datacenter, Tags: [...Tags], JobID, AllocID };
}

/** A signal that aborts with the other, or when the time is over. */
function limit(clock: Clock, signal: AbortSignal, limitMs: number): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason as Error);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  const timer = clock.after(limitMs, () => controller.abort(new Error(`not within ${limitMs / 1000} s`)));
  return {
    signal: controller.signal,
    release: () => {
      timer.cancel();
      signal.removeEventListener("abort", abort);
    },
  };
}
