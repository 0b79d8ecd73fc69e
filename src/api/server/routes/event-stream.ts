/**
 * GET /v1/event/stream: NDJSON, one index a line, `{}` at once and every 30 s. nomad.md §3.4.
 *
 * The stream is read as fast as its reader reads: nothing is buffered here (F22). A reader that falls behind the state's buffer gets a
 * last line `{"Error":"…"}` that names the index to resume from, and the end.
 */
import type { Event } from "#model";
import { messageOf } from "#std";
import { badRequest } from "../refusal.ts";
import type { Call, Handler } from "../call.ts";
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
  const batches = cluster.state.events.read(options, call.signal);
  return {
    kind: "stream",
    contentType: "application/json",
    chunks: beating(linesOf(batches), { beat: "{}\n", firstAfterMs: 0, everyMs: HEARTBEAT_MS, clock: context.clock, signal: call.signal }),
  };
};

async function* linesOf(batches: AsyncIterable<{ readonly Index: number; readonly Events: readonly Event[] }>): AsyncGenerator<string> {
  try {
    for await (const batch of batches) yield `${JSON.stringify(batch)}\n`;
  } catch (error) {
    yield `${JSON.stringify({ Error: messageOf(error) })}\n`;
  }
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
