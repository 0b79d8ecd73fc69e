/** Plays the steps against an agent and keeps the shapes of its answers. */
import { eventually } from "../../eventually.ts";
import { shapeOf, type Answer, type Shape } from "./shape.ts";

/** A request, told as "METHOD /path". `{kind:name}` in path or body is something that the agent made: see NAMES. */
export interface Asks {
  readonly asks: string;
  readonly body?: unknown;
  /** Tells requests apart that are the same but for their body or their moment. */
  readonly as?: string;
  /** Whose token: the one of the bootstrap if not said. */
  readonly token?: string;
  /** An answer that goes on and on: the first frame with this key is its shape. */
  readonly frame?: string;
  /** A write to be repeated until the frame has come: so that there is something to tell. */
  readonly meanwhile?: string;
}
export interface Waits {
  readonly waits: string;
  readonly until: (get: Get) => Promise<boolean>;
}
export type Step = Asks | Waits;
export type Get = <T>(path: string) => Promise<T>;

/** An answer that takes longer is told with the waits. */
const SLOW_MS = 1000;

export interface Played {
  readonly answers: Map<string, Answer>;
  /** Milliseconds of each wait and of slow answers, for who looks why it takes so long. */
  readonly waited: Map<string, number>;
}

interface Allocation {
  readonly ID: string;
  readonly EvalID: string;
  readonly ClientStatus: string;
  readonly CreateIndex: number;
}

/** `address`: an agent with access control on, that has never been bootstrapped. */
export async function play(steps: readonly Step[], address: string): Promise<Played> {
  const answers = new Map<string, Answer>();
  const waited = new Map<string, number>();
  const remembered = new Map<string, string>();

  const token = await eventually(
    "the agent to be bootstrapped",
    async () => {
      const response = await fetch(`${address}/v1/acl/bootstrap`, { method: "PUT" });
      if (!response.ok) return undefined;
      const value = (await response.json()) as { SecretID: string; AccessorID: string };
      answers.set("PUT /v1/acl/bootstrap", { status: response.status, content: "json", shape: shapeOf(value) });
      remembered.set("accessor", value.AccessorID);
      return value.SecretID;
    },
    60_000,
  );
  const get: Get = async <T>(path: string) => {
    const response = await fetch(address + path, { headers: { "x-nomad-token": token } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };

  for (const step of steps) {
    if ("waits" in step) {
      const started = performance.now();
      await eventually(step.waits, () => step.until(get), 90_000);
      waited.set(step.waits, Math.round(performance.now() - started));
      continue;
    }
    const name = step.as === undefined ? step.asks : `${step.asks} (${step.as})`;
    const asked = performance.now();
    if (answers.has(name)) throw new Error(`two steps are called "${name}": say "as"`);
    answers.set(
      name,
      await ask(step).catch((error: unknown) => {
        throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }),
    );
    const tookMs = Math.round(performance.now() - asked);
    if (tookMs > SLOW_MS) waited.set(name, tookMs);
  }
  return { answers, waited };

  async function ask(step: Asks): Promise<Answer> {
    const [method = "", path = ""] = (await filled(step.asks)).split(" ");
    const body = step.body === undefined ? undefined : await filled(typeof step.body === "string" ? step.body : JSON.stringify(step.body));
    const secret = step.token === undefined ? token : await filled(step.token);
    const headers: Record<string, string> = secret === "" ? {} : { "x-nomad-token": secret };
    const stop = new AbortController();
    const provoked = step.meanwhile;
    const provoking =
      provoked === undefined
        ? undefined
        : setInterval(() => void fetch(address + provoked, { method: "PUT", headers }).catch(() => undefined), 250);
    const patience = setTimeout(() => stop.abort(new Error("no answer within 30 s")), 30_000);
    try {
      return await answered(
        step,
        await fetch(address + path, {
          method,
          headers,
          ...(body === undefined ? {} : { body }),
          redirect: "manual",
          signal: stop.signal,
        }),
      );
    } finally {
      clearTimeout(patience);
      clearInterval(provoking);
      stop.abort();
    }
  }

  async function answered(step: Asks, response: Response): Promise<Answer> {
    if (step.frame !== undefined && response.ok) {
      return { status: response.status, content: "frames", shape: await firstFrame(response, step.frame) };
    }
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    const content =
      text === "" ? "none" : type.includes("json") ? "json" : type.includes("text/") ? "text" : type.split(";")[0] || "untold";
    if (content !== "json") return { status: response.status, content };
    const value: unknown = JSON.parse(text);
    remember(step, value);
    return { status: response.status, content, shape: shapeOf(value) };
  }

  /** What later steps name: `{made:<as>}` is the identity in the answer of the step called so. */
  function remember(step: Asks, value: unknown): void {
    if (step.as === undefined || value === null || typeof value !== "object") return;
    const { ID, AccessorID, SecretID, DispatchedJobID, ModifyIndex, Lock, OneTimeToken } = value as Record<string, unknown>;
    const lock = (Lock as { ID?: unknown } | undefined)?.ID;
    const once = (OneTimeToken as { OneTimeSecretID?: unknown } | undefined)?.OneTimeSecretID;
    const made = ID ?? AccessorID ?? DispatchedJobID ?? lock ?? once;
    if (typeof made === "string") remembered.set(`made:${step.as}`, made);
    if (typeof SecretID === "string") remembered.set(`secret:${step.as}`, SecretID);
    if (typeof ModifyIndex === "number") remembered.set(`index:${step.as}`, String(ModifyIndex));
  }

  async function filled(text: string): Promise<string> {
    let whole = text;
    for (const [place, kind = "", name = ""] of text.matchAll(/\{([a-z]+)(?::([a-z -]+))?\}/g)) {
      const key = name === "" ? kind : `${kind}:${name}`;
      whole = whole.replaceAll(place, remembered.get(key) ?? (await named(kind, name)));
    }
    return whole;
  }

  /** What the agent made: the newest allocation of a job, its evaluation, its deployment; the node; a scaling policy; a root key. */
  async function named(kind: string, name: string): Promise<string> {
    if (kind === "allocation" || kind === "evaluation") {
      const all = await get<Allocation[]>(`/v1/job/${name}/allocations`);
      const newest = all.toSorted((one, other) => other.CreateIndex - one.CreateIndex);
      const found = newest.find((each) => each.ClientStatus === "running") ?? newest[0];
      if (found === undefined) throw new Error(`no allocation of "${name}"`);
      return kind === "allocation" ? found.ID : found.EvalID;
    }
    if (kind === "deployment") return (await get<{ ID: string }>(`/v1/job/${name}/deployment`)).ID;
    if (kind === "node") return first(await get<{ ID: string }[]>("/v1/nodes")).ID;
    if (kind === "policy") return first(await get<{ ID: string }[]>(`/v1/scaling/policies?job=${name}`)).ID;
    if (kind === "waiting") return first(await get<{ ID: string }[]>(`/v1/evaluations?job=${name}&status=blocked`)).ID;
    if (kind === "registration") return first(await get<{ ID: string }[]>(`/v1/service/${name}`)).ID;
    throw new Error(`nothing is called "{${kind}:${name}}"`);
  }
}

function first<T>(all: readonly T[]): T {
  const [found] = all;
  if (found === undefined) throw new Error("the list is empty");
  return found;
}

/** Frames are JSON objects without anything between them, or a line each. */
async function firstFrame(response: Response, key: string): Promise<Shape> {
  let text = "";
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    for (const each of text.replaceAll("}{", "}\n{").split("\n")) {
      const frame = parsed(each);
      if (frame !== undefined && Object.hasOwn(frame, key)) return shapeOf(frame);
    }
  }
  throw new Error(`the stream ended without "${key}": ${text}`);
}
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}
