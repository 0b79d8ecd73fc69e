/** /v1/agent: what this agent is, who it knows, how it is, what it logs. */
import { value, type Context, type Handler } from "../call.ts";
import { LOG_LEVELS, type LogLevel } from "../facts.ts";
import { beating } from "../reply/beating.ts";
import { badRequest } from "../refusal.ts";
import { requireThisAgent } from "./agent-meant.ts";

const HEARTBEAT_MS = 1000;
const FIRST_HEARTBEAT_MS = 100;

export const readSelf: Handler = async (_call, context) => {
  const member = context.agent.member();
  // Clients ask these three for where they are and whom they talk to, of whatever agent; the rest is what the agent says is in force.
  const asked = { Region: context.region, Datacenter: context.datacenter, Version: { Version: member.Tags["build"] ?? "" } };
  return value({ config: { ...asked, ...(withoutSecrets(context.agent.config()) as object) }, member, stats: await counted(context) });
};

/** `nomad check -min-peers` and agent-info ask how many other servers there are. Who left is none. */
async function counted({ agent, membership, cluster }: Context): Promise<ReturnType<Context["agent"]["stats"]>> {
  const stats = agent.stats();
  if (stats["raft"] === undefined || membership === null || membership === undefined) return stats;
  // A private Consul that does not answer is a reason to look at this agent: the rest is told all the same, and no count rather than a wrong one.
  const members = await membership.members().catch(() => undefined);
  if (members === undefined) {
    const { num_peers: _unknown, ...raft } = stats["raft"];
    return { ...stats, raft };
  }
  const others = members.filter(({ ServerId, Status }) => Status !== "left" && ServerId !== cluster?.serverId);
  return { ...stats, raft: { ...stats["raft"], num_peers: String(others.length) } };
}

/** Values under names that look like secrets never leave, whoever put them there. */
export function withoutSecrets(of: unknown): unknown {
  if (Array.isArray(of)) return of.map(withoutSecrets);
  if (typeof of !== "object" || of === null) return of;
  return Object.fromEntries(Object.entries(of).map(([name, inner]) => [name, secret(name) ? redacted(inner) : withoutSecrets(inner)]));
}

/** Texts, and lists of them; what is below has names of its own. */
function redacted(inner: unknown): unknown {
  if (typeof inner === "string") return inner === "" ? "" : "<redacted>";
  if (Array.isArray(inner)) return inner.map(redacted);
  return withoutSecrets(inner);
}

function secret(name: string): boolean {
  return /token|secret|password|passwd|encrypt|credential|access_?key|api_?key|authorization|^auth$/i.test(name);
}

export const listServers: Handler = (_call, context) => value(context.agent.serverAddresses());

/** ?address=…: the node on this agent talks to these from now on. */
export const updateServers: Handler = async (call, context) => {
  const addresses = call.query.all("address").filter((each) => each !== "");
  if (addresses.length === 0) throw badRequest("missing server address");
  const problem = addresses.map(addressProblem).find((each) => each !== undefined);
  if (problem !== undefined) throw badRequest(problem);
  await context.agent.setServerAddresses(addresses);
  return { kind: "empty", meta: {} };
};

/** host or host:port (4647). */
function addressProblem(address: string): string | undefined {
  const [, host, port] = /^(\[[\da-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(address) ?? [];
  if (host !== undefined && Number(port ?? 1) >= 1 && Number(port ?? 1) <= 65_535) return undefined;
  return `Cannot read server address ${JSON.stringify(address.slice(0, 80))}: wanted host or host:port`;
}

/** ?type=server or client: that part alone; 500 when a part asked for is not well or not here. */
export const readHealth: Handler = (call, context) => {
  const type = call.query.text("type");
  const health = context.agent.health();
  const absent = { ok: false, message: `${type} not enabled` };
  const asked =
    type === ""
      ? health
      : type === "server"
        ? { server: health.server ?? absent }
        : type === "client"
          ? { client: health.client ?? absent }
          : undefined;
  if (asked === undefined) throw badRequest(`Invalid type ${JSON.stringify(type)}, wanted "server" or "client"`);
  const ok = Object.values(asked).every((part) => part.ok);
  return value(asked, { status: ok ? 200 : 500 });
};

export const monitor: Handler = async (call, context) => {
  const level = (call.query.text("log_level") || "info").toLowerCase();
  if (!LOG_LEVELS.includes(level as LogLevel)) throw badRequest(`Unknown log level: ${level}`);
  await requireThisAgent(call, context);
  const lines = context.agent.monitor({ level: level as LogLevel, json: call.query.flag("log_json", false, true) }, call.signal);
  const plain = call.query.flag("plain", false, true);
  return {
    kind: "stream",
    contentType: plain ? "text/plain; charset=utf-8" : "application/json",
    chunks: beating(plain ? lines : framed(lines), {
      beat: plain ? "" : "{}",
      firstAfterMs: FIRST_HEARTBEAT_MS,
      everyMs: HEARTBEAT_MS,
      clock: context.clock,
      signal: call.signal,
    }),
  };
};

async function* framed(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield JSON.stringify({ Data: Buffer.from(line, "utf8").toString("base64") });
}
