/**
 * A server's surroundings in a process of their own, on a machine of a cluster-world: the pulse, the private Consul, its membership, joining. What the
 * test wants it asks by HTTP on 4646. No Drover server is in it.
 */
import { createServer } from "node:http";
import { createHostClock, startPulse } from "#integrations/host";
import { privateConsul, privateMembership, startJoining, type PrivateConsulOptions } from "#integrations/consul";
import { messageOf } from "#std";

export interface PrivateConsulOrders extends Omit<PrivateConsulOptions, "clock" | "report"> {
  readonly retryJoin: readonly string[];
  readonly retryIntervalMs: number;
  readonly version: string;
  /** RPC addresses of servers of a foreign cluster. */
  readonly foreign: readonly string[];
}

const orders = JSON.parse(process.argv[2] ?? "") as PrivateConsulOrders;
const clock = createHostClock({ keepAlive: true });
const report = (level: string, message: string, fields?: Readonly<Record<string, unknown>>): void =>
  void process.stdout.write(`${level}: ${message} ${JSON.stringify(fields ?? {})}\n`);

const introduced: string[] = [];
try {
  const pulse = await startPulse();
  const consul = await privateConsul({ ...orders, clock, report });
  const self = {
    name: orders.name,
    region: orders.region,
    datacenter: "dc1",
    serverId: orders.serverId,
    rpcAddress: `${orders.advertise}:4647`,
    httpAddress: `${orders.advertise}:4646`,
    serfPort: orders.ports.serf,
    version: orders.version,
  };
  const introduce = async (address: string): Promise<void> => {
    introduced.push(address);
    if (orders.foreign.includes(address)) throw new Error(`belongs to another cluster`);
  };
  const membership = privateMembership({ consul, self, pulseUrl: pulse.url, introduce, clock, report });
  const { retryJoin, retryIntervalMs, serverId } = orders;
  const gaveUp = (error: Error): void => report("error", error.message);
  await startJoining({ startJoin: [], retryJoin, retryMax: 0, retryIntervalMs, membership, serverId, gaveUp, clock, report });

  const answers: Readonly<Record<string, (words: URLSearchParams) => Promise<unknown>>> = {
    "/members": () => membership.members(),
    "/join": (words) => membership.join(words.getAll("address")),
    "/force-leave": (words) => membership.forceLeave(words.get("name") ?? "", words.has("prune")),
    "/leave": () => membership.leave(),
    "/keys": () => membership.gossipKeys(),
    "/key": (words) => membership.changeGossipKey(words.get("change") as "install", words.get("key") ?? ""),
    "/pid": async () => consul.pid,
    "/introduced": async () => introduced,
    "/put": (words) => consul.connection.direct("PUT", `/kv/${words.get("key")}`, { body: words.get("value") }),
    "/get": (words) => consul.connection.direct("GET", `/kv/${words.get("key")}`, { query: { consistent: "" } }),
    "/leader": () => consul.agent.direct("GET", "/status/leader"),
    "/stop": () => consul.stop("terminate"),
    "/reload": () => consul.reload(),
    "/recover": () => consul.recover([{ serverId, address: `${orders.advertise}:${orders.ports.rpc}` }]),
  };
  createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    const answer = answers[url.pathname] ?? (() => Promise.reject(new Error("no such question")));
    answer(url.searchParams).then(
      (value) => response.end(JSON.stringify(value ?? null)),
      (thrown: unknown) => response.writeHead(500).end(messageOf(thrown)),
    );
  }).listen(4646, orders.advertise);
} catch (thrown) {
  const { code, fix } = thrown as { code?: string; fix?: string };
  process.stdout.write(`failed: ${code} ${messageOf(thrown)} | ${fix}\n`);
  process.exit(1);
}
