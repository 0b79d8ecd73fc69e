/**
 * GET /v1/event/stream: NDJSON, one index a line, `{}` at once and every 30 s. nomad.md §3.4.
 *
 * The stream is read as fast as its reader reads: nothing is buffered here (F22). A reader that falls behind the state's buffer, or takes nothing
 * for a minute while there is something to take, gets a last line `{"Error":"…"}` that names the index to resume from, and the end.
 */
import type { Event } from "#model";
import { messageOf } from "#std";
import { NOTHING, type Grant } from "#access";
import { denied } from "../guard/denied.ts";
import { packedEvents } from "../packed-payload.ts";
import { mayFollow, mayHear } from "../guard/topics.ts";
import { accessOf } from "../guard/who.ts";
import { badRequest } from "../refusal.ts";
import type { Call, Context, Handler } from "../call.ts";
import { beating } from "../reply/beating.ts";
import { requireCluster } from "../require.ts";

const HEARTBEAT_MS = 30_000;

const TOPICS: readonly string[] = [
  "*",
  "Deployment",
  "Evaluation",
  "Allocation",
  "Job",
  "Node",
  "NodePool",
  "ACLPolicy",
  "ACLToken",
  "ACLRole",
  "ACLAuthMethod",
  "ACLBindingRule",
  "Service",
  "HostVolume",
  "CSIVolume",
  "CSIPlugin",
  "Operator",
  "Variable",
];

export const streamEvents: Handler = (call, context) => {
  const cluster = requireCluster(context);
  const options = { topics: topicsOf(call), namespace: call.namespace, fromIndex: call.query.whole("index", 0) };
  const topics = [...options.topics.keys()];
  const mayAll = (grant: Grant) => topics.every((topic) => mayFollow(grant, topic, call.namespace));
  if (!mayAll(call.grant)) throw denied("It needs what reading each of the topics needs; all of them (*) a management token.");
  const watched = watchRights(call, context, mayAll);
  const batches = cluster.state.events.read(options, watched.signal);
  const sent = { index: options.fromIndex };
  return {
    kind: "stream",
    contentType: "application/json",
    chunks: beating(linesOf(batches, watched, sent), {
      beat: "{}\n",
      firstAfterMs: 0,
      everyMs: HEARTBEAT_MS,
      clock: context.clock,
      signal: call.signal,
    }),
    tooSlow: () => `${JSON.stringify({ Error: tooSlow(sent.index) })}\n`,
  };
};

function tooSlow(index: number): string {
  return `Cannot continue event stream: the reader takes too little, subscribe again with index=${index}`;
}

interface Batch {
  readonly Index: number;
  readonly Events: readonly Event[];
}

/** `sent`: what was handed on last. */
async function* linesOf(batches: AsyncIterable<Batch>, watched: Watched, sent: { index: number }): AsyncGenerator<string> {
  try {
    for await (const batch of batches) {
      sent.index = batch.Index;
      const grant = await watched.grant();
      if (watched.lost()) break;
      const Events = packedEvents(grant.Management ? batch.Events : batch.Events.filter((event) => mayHear(grant, event)));
      if (Events.length > 0) yield `${JSON.stringify({ ...batch, Events })}\n`;
    }
    if (watched.lost()) yield `${JSON.stringify({ Error: "Permission denied" })}\n`;
  } catch (error) {
    yield `${JSON.stringify({ Error: messageOf(error) })}\n`;
  } finally {
    watched.end();
  }
}

/** What the one who reads may, as long as the stream lasts. */
interface Watched {
  /** Aborts when the reader has gone, or may not any more. */
  readonly signal: AbortSignal;
  grant(): Promise<Grant>;
  lost(): boolean;
  end(): void;
}

/** Asked again before each batch, after each change of access control, and when the token's time is over. */
function watchRights(call: Call, context: Context, mayAll: (grant: Grant) => boolean): Watched {
  const access = accessOf(context);
  if (access === undefined) return { signal: call.signal, grant: async () => call.grant, lost: () => false, end: () => undefined };
  const over = new AbortController();
  let lost = false;
  const lose = () => {
    lost = true;
    over.abort(new Error("the token has lost its rights"));
    return NOTHING;
  };
  const grant = async () => {
    const now = await access.resolve(call.token).catch(() => NOTHING);
    return mayAll(now) && (now.ExpiresAtMs === null || now.ExpiresAtMs > context.clock.nowMs()) ? now : lose();
  };
  const state = requireCluster(context).state;
  const unsubscribe = state.watch.subscribe(({ command }) => void (command.type.startsWith("acl-") && queueMicrotask(() => void grant())));
  const timer = endOfToken(call.grant, context, () => void grant());
  return {
    signal: AbortSignal.any([call.signal, over.signal]),
    grant,
    lost: () => lost,
    end() {
      unsubscribe();
      timer.cancel();
    },
  };
}

const TIMER_MS_MAX = 2 ** 31 - 1;

function endOfToken({ ExpiresAtMs }: Grant, { clock }: Context, ended: () => void): { cancel(): void } {
  if (ExpiresAtMs === null) return { cancel: () => undefined };
  return clock.after(Math.min(Math.max(0, ExpiresAtMs - clock.nowMs()) + 1, TIMER_MS_MAX), ended);
}

/** `?topic=Job:web&topic=Allocation` → { Job: [web], Allocation: [*] }; none: everything. */
function topicsOf(call: Call): ReadonlyMap<string, readonly string[]> {
  const topics = new Map<string, string[]>();
  for (const text of call.query.all("topic")) {
    const colon = text.indexOf(":");
    const topic = colon < 0 ? text : text.slice(0, colon);
    const key = colon < 0 ? "*" : text.slice(colon + 1) || "*";
    if (!TOPICS.includes(topic))
      throw badRequest(`Invalid topic ${JSON.stringify(topic.slice(0, 80))}, wanted one of ${TOPICS.join(", ")}`);
    topics.set(topic, [...(topics.get(topic) ?? []), key]);
  }
  return topics.size === 0 ? new Map([["*", ["*"]]]) : topics;
}
