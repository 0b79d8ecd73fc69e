/**
 * The node's end: finds a server that takes it, and keeps that one until the stream ends.
 *
 *   known servers ─► in random order, the one just lost last ─► connect ─► HELLO ─► WELCOME: this one        FAULT, no answer: the next
 *
 * None takes it: one refusal that says of each why not. The caller waits and asks again; servers are looked up anew each time. Which there are
 * the servers themselves tell, at the welcome and when that changes; what somebody set by hand counts until then.
 */
import type { Client } from "@grpc/grpc-js";
import type { Duplex } from "node:stream";
import type { Clock, Link, LinkConnection, NodeEnd, Random } from "#ports";
import { messageOf, NamedError } from "#std";
import { unpack } from "./body.ts";
import { type Answering, createAnswering, createAsking } from "./calls.ts";
import { contextOf, type LinkTls } from "./certificates.ts";
import { type AllocationsPiece, gatherAllocations, gatherServices, type ServicesPiece } from "./changes.ts";
import { KIND } from "./frame.ts";
import { answerForNode } from "./node-services.ts";
import { hail, hailTunnel, openClient, openStream } from "./open-stream.ts";
import type { Message, Pipe } from "./pipe.ts";
import { CLIENT_CHANNEL_OPTIONS, CONTROL, NODE_API, PROTOCOL_VERSION, refused, SERVICES } from "./service.ts";

export interface NetworkLinkOptions {
  /** host:port each. Asked at every connect. */
  readonly servers: () => Promise<readonly string[]>;
  readonly tls?: LinkTls;
  readonly clock: Clock;
  readonly random: Random;
  /** Told at every new connection: which server, and where its HTTP API is (host:port, "": it does not say). */
  readonly connected?: (to: { readonly server: string; readonly httpAddress: string }) => void;
  /** The servers have told who they are, and it is news: to be kept for the next start. */
  readonly serversChanged?: (servers: readonly string[]) => void;
  /** Only tests speak another. */
  readonly version?: number;
}

export interface NetworkLink extends Link {
  /** A connection to the HTTP API of the server this node is connected to. Rejects with LINK_REFUSED (503) while there is none. */
  openApi(): Promise<Duplex>;
  /** host:port of all servers it would try; the one it is connected to first. */
  known(): readonly string[];
  /** These and no others, until servers tell who they are; a connection that stands goes on. */
  setServers(servers: readonly string[]): void;
  /** For connections from now on; undefined: without TLS. Throws LINK_TLS_INVALID, and nothing has changed. */
  reload(tls: LinkTls | undefined): void;
}

/** A server that has not answered by then is passed over. */
const CONNECT_MS = 5_000;
/** At the first try after a loss, where there are others: not so often that a slow cluster is asked more and more. */
const CONNECT_ANOTHER_MS = 1_500;
const TUNNEL_MS = 5_000;
/** Nodes that lost the same server do not come to the next all at once. */
const SPREAD_MS = 500;

type Secrets = Parameters<Link["connect"]>[0];

interface Standing {
  readonly server: string;
  readonly tunnels: () => Promise<Duplex>;
}

/** What is known from one connection to the next. */
interface Memory {
  tls: LinkTls | undefined;
  /** As looked up at the last connect. */
  found: readonly string[];
  /** As servers told, or as set by hand. */
  told: readonly string[] | undefined;
  setByHand: boolean;
  lost: string | undefined;
  /** Since then none took it. */
  failed: boolean;
  standing: Standing | undefined;
}

export function networkLink(options: NetworkLinkOptions): NetworkLink {
  const memory: Memory = {
    tls: options.tls,
    found: [],
    told: undefined,
    setByHand: false,
    lost: undefined,
    failed: false,
    standing: undefined,
  };
  return {
    async connect(node, end, closed) {
      memory.found = memory.setByHand ? [] : await lookUp(options, memory);
      const servers = candidates(memory, options.random);
      if (servers.length === 0) {
        throw refused("connect to servers: none is known", {
          fix: 'Name one: client { servers = ["10.0.0.1:4647"] }, or start one that Consul knows.',
        });
      }
      if (memory.lost !== undefined && servers.length > 1) await options.clock.sleep(options.random.integer(SPREAD_MS));
      const withinMs = memory.lost !== undefined && !memory.failed && servers.length > 1 ? CONNECT_ANOTHER_MS : CONNECT_MS;
      const problems: (readonly [server: string, error: NamedError])[] = [];
      for (const server of servers) {
        try {
          return await connectTo(server, withinMs, options, memory, { node, end, closed });
        } catch (thrown) {
          problems.push([server, thrown instanceof NamedError ? thrown : refused(messageOf(thrown))]);
        }
      }
      memory.failed = true;
      throw noneTook(problems);
    },
    async openApi() {
      if (memory.standing === undefined) throw refused("reach the API of a server: this node is connected to none");
      return memory.standing.tunnels();
    },
    known() {
      const all = new Set([...(memory.told ?? []), ...memory.found]);
      return memory.standing === undefined ? [...all] : [...new Set([memory.standing.server, ...all])];
    },
    setServers(servers) {
      memory.told = [...new Set(servers)];
      memory.setByHand = true;
      memory.found = [];
    },
    reload(tls) {
      if (tls !== undefined) contextOf(tls);
      memory.tls = tls;
    },
  };
}

/** Where they cannot be looked up just now, those that were told are enough. */
async function lookUp(options: NetworkLinkOptions, { told }: Memory): Promise<readonly string[]> {
  try {
    return await options.servers();
  } catch (error) {
    if (told !== undefined && told.length > 0) return [];
    throw error;
  }
}

function candidates({ found, told, lost }: Memory, random: Random): readonly string[] {
  const all = shuffled([...new Set([...(told ?? []), ...found])], random);
  return lost === undefined || !all.includes(lost) ? all : [...all.filter((each) => each !== lost), lost];
}

function noneTook(problems: readonly (readonly [server: string, error: NamedError])[]): NamedError {
  const fix = problems.find(([, { fix: each }]) => each !== undefined)?.[1].fix;
  const statusCode = problems.find(([, error]) => error.statusCode !== 503)?.[1].statusCode ?? 503;
  return refused(`connect to servers: ${problems.map(([server, { message }]) => `${server}: ${message}`).join("; ")}`, {
    statusCode,
    ...(fix === undefined ? {} : { fix }),
  });
}

function shuffled(servers: readonly string[], random: Random): readonly string[] {
  const rest = [...servers];
  return servers.map(() => rest.splice(random.integer(rest.length), 1)[0] as string);
}

interface Comer {
  readonly node: Secrets;
  readonly end: NodeEnd;
  readonly closed: (reason: string) => void;
}

async function connectTo(
  server: string,
  withinMs: number,
  options: NetworkLinkOptions,
  memory: Memory,
  { node, end, closed }: Comer,
): Promise<LinkConnection> {
  const client = openClient(server, memory.tls, CLIENT_CHANNEL_OPTIONS);
  const control = openStream(client, CONTROL, () => closeSoon(client));
  const asking = createAsking(
    () => control.pipe,
    (reason) => `server ${server}: the connection is lost: ${reason}`,
  );
  const second = secondConnection(server, options, memory, end);
  const tunnels = tunnelsTo(server, options, memory);
  let welcomed = false;
  let standing: Standing | undefined;
  const told = tellTo(end, (servers) => heardOf(servers, options, memory));
  const welcome = hail(
    control,
    options.clock,
    withinMs,
    { Version: options.version ?? PROTOCOL_VERSION, ID: node.ID, SecretID: node.SecretID },
    {
      message(message) {
        if (message.kind === KIND.tell) told(message);
        else if (message.kind === KIND.ask) second.open((unpack(message.body) as { Ticket: string }).Ticket);
        else asking.take(message);
      },
      closed(reason) {
        asking.closed(reason);
        second.close();
        tunnels.close();
        if (memory.standing === standing) memory.standing = undefined;
        if (!welcomed) return;
        memory.lost = server;
        closed(reason);
      },
    },
  );
  const { HttpAddress, Servers, ApiTicket } = await welcome;
  welcomed = true;
  memory.failed = false;
  if (control.pipe.open) {
    standing = { server, tunnels: () => tunnels.open(String(ApiTicket ?? "")) };
    memory.standing = standing;
  }
  heardOf(Servers, options, memory);
  options.connected?.({ server, httpAddress: typeof HttpAddress === "string" ? HttpAddress : "" });
  const ask = async (method: keyof LinkConnection, ...args: readonly unknown[]) =>
    (await asking.ask(method, args).catch((thrown: unknown) => {
      throw unsupported(thrown, server, method);
    })) as never;
  return {
    register: (described, introductionToken) => ask("register", described, ...(introductionToken === undefined ? [] : [introductionToken])),
    heartbeat: () => ask("heartbeat"),
    updateAllocations: (updates) => ask("updateAllocations", updates),
    signIdentities: (requests) => ask("signIdentities", requests),
    services: () => ask("services"),
    upsertServices: (services) => ask("upsertServices", services),
    deleteServices: (ids) => ask("deleteServices", ids),
    followServices: () => ask("followServices"),
    readVariable: (question) => ask("readVariable", question),
    takeTurn: (allocationId) => ask("takeTurn", allocationId),
    giveTurnBack: (allocationId) => ask("giveTurnBack", allocationId),
    unseal: (allocationId) => ask("unseal", allocationId),
    verifyIdentity: (token) => ask("verifyIdentity", token),
    close: () => control.pipe.close("closed by the node"),
  };
}

/** What was added since version 1 an older server does not know; it says so, and nobody is to wait for it. */
function unsupported(thrown: unknown, server: string, method: string): unknown {
  if (!(thrown instanceof NamedError) || thrown.code !== "LINK_METHOD_UNKNOWN") return thrown;
  return new NamedError("LINK_METHOD_UNKNOWN", `Cannot ask server ${server} for "${method}": it does not support that yet`, {
    statusCode: 501,
    fix: "Upgrade servers first, then nodes.",
  });
}

/** Not before the first: whoever is connected to one server knows one. */
function heardOf(servers: unknown, { serversChanged }: NetworkLinkOptions, memory: Memory): void {
  if (!Array.isArray(servers) || servers.length === 0) return;
  const told = [...new Set(servers.map(String))].sort();
  const before = memory.told ?? [];
  memory.setByHand = false;
  if (told.length === before.length && told.every((each, at) => each === before[at])) return;
  memory.told = told;
  serversChanged?.(told);
}

/** On a connection of their own, opened with the first; they fail by themselves. */
function tunnelsTo(server: string, { clock, version }: NetworkLinkOptions, memory: Memory) {
  let client: Client | undefined;
  let by: LinkTls | undefined;
  return {
    open(ticket: string) {
      if (by !== memory.tls) {
        client?.close();
        client = undefined;
      }
      by = memory.tls;
      client ??= openClient(server, by, CLIENT_CHANNEL_OPTIONS);
      const hello = { Version: version ?? PROTOCOL_VERSION, Ticket: ticket };
      return hailTunnel(client, NODE_API, hello, { clock, withinMs: TUNNEL_MS, remoteAddress: hostOf(server) });
    },
    /** What stands goes on to its end. */
    close: () => client?.close(),
  };
}

const hostOf = (server: string): string => server.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");

/** After the last word has left. */
function closeSoon(client: Client): void {
  setTimeout(() => client.close(), 1_000).unref();
}

function tellTo(end: NodeEnd, servers: (list: unknown) => void): (message: Message) => void {
  const allocations = gatherAllocations();
  const services = gatherServices();
  return ({ method, body }) => {
    if (method === "allocationsChanged") {
      const change = allocations(unpack(body) as AllocationsPiece);
      if (change !== undefined) end.allocationsChanged(change);
    } else if (method === "servicesChanged") {
      const change = services(unpack(body) as ServicesPiece);
      if (change !== undefined) end.servicesChanged(change);
    } else if (method === "serversChanged") servers((unpack(body) as { Servers?: unknown }).Servers);
  };
}

/** Opened when the server asks, on a channel of its own. It fails by itself: the server asks again. */
function secondConnection(server: string, options: NetworkLinkOptions, memory: Memory, end: NodeEnd) {
  const open = new Set<Pipe>();
  const answers = answerForNode(end.services);
  return {
    open(ticket: string) {
      const client = openClient(server, memory.tls, CLIENT_CHANNEL_OPTIONS);
      const stream = openStream(client, SERVICES, () => closeSoon(client));
      open.add(stream.pipe);
      const answering: Answering = createAnswering(() => stream.pipe, answers);
      hail(
        stream,
        options.clock,
        CONNECT_MS,
        { Version: options.version ?? PROTOCOL_VERSION, Ticket: ticket },
        {
          message: (message) => answering.take(message),
          closed() {
            answering.closed();
            open.delete(stream.pipe);
          },
        },
      ).catch(() => undefined);
    },
    close() {
      for (const pipe of open) pipe.close("the node's first connection ended");
    },
  };
}
