/**
 * The servers' end: listens, lets nodes and servers in, and stands between their streams and what answers in this process.
 *
 *   NodeLink.Control:  HELLO {Version, ID, SecretID} ─► accept.connect ─► WELCOME ─► CALL… / TELL…         refused: FAULT, end
 *   NodeLink.Services: HELLO {Version, Ticket}       ─► joined to the control stream the ticket was given on
 *   NodeLink.Api:      HELLO {Version, Ticket}       ─► the HTTP API, while that node is connected
 *   Servers.Calls, Servers.Api                       ─► serve-peers.ts
 *
 * The second connection is asked for when somebody first wants something of the node, and again when it broke. A ticket is good once,
 * for the node it was sent to. Before there is a cluster nodes are refused and servers are answered.
 */
import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { type ConnectionInjector, Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  type AllocationClientUpdate,
  type AllocationId,
  type CertificateObjection,
  type CertificateRole,
  type IdentityRequest,
  type Node,
  type NodeId,
  roleObjection,
  type ServiceRegistration,
} from "#model";
import type { Link, LinkConnection, NodeEnd, PeerEnd, VariableQuestion } from "#ports";
import type { NamedError } from "#std";
import { pack } from "./body.ts";
import { createAnswering, createAsking, type Answers, type Asking } from "./calls.ts";
import type { LinkTls } from "./certificates.ts";
import { allocationPieces, servicePieces } from "./changes.ts";
import { certificateOf, type Door, openDoor } from "./door.ts";
import { type Frame, KIND } from "./frame.ts";
import { askNode } from "./node-services.ts";
import type { Pipe } from "./pipe.ts";
import { type Become, type Hello, hostOf, receive, receiveTunnel } from "./receive.ts";
import { seldom, type SeldomReport } from "./seldom.ts";
import { servePeers } from "./serve-peers.ts";
import { type LinkReport, NODE_LINK, PROTOCOL_VERSION, refused, SERVER_CHANNEL_OPTIONS, SERVERS } from "./service.ts";

export interface ServeLinkOptions {
  /** The acceptor: `server.link`; undefined: there is no cluster yet, nodes are refused. */
  readonly accept: Link | (() => Link | undefined);
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Without it nothing is proven but a node's secret, and anybody on the way can read along. */
  readonly tls?: LinkTls;
  /** With TLS: plain connections are taken too, while a cluster is changed over. */
  readonly upgradeMode?: boolean;
  /** From one address at once; 0: any number. Default 100. */
  readonly connectionsPerClientMax?: number;
  /** For the first byte, and for TLS. Default 5 s. */
  readonly handshakeTimeoutMs?: number;
  /** What other servers are answered; without it they are refused. */
  readonly peer?: PeerEnd;
  /** Connections of nodes to this server's HTTP API; those of servers too where `peer` is not given. Default: `peer.api`. */
  readonly api?: (connection: Duplex) => void;
  /** host:port of this server's HTTP API, told to nodes; "": not told. */
  readonly httpAddress?: string;
  /** host:port of the node links of all servers, as nodes are told at first. */
  readonly servers?: readonly string[];
  readonly report: LinkReport;
}

export interface ServedLink {
  readonly host: string;
  readonly port: number;
  /** host:port */
  readonly address: string;
  /** host:port of the node links of all servers: connected nodes are told, and who comes later. */
  tellServers(servers: readonly string[]): void;
  /** For connections from now on; those that stand go on. undefined: without TLS. Throws LINK_TLS_INVALID, and nothing has changed. */
  reload(tls: LinkTls | undefined, upgradeMode?: boolean): void;
  /** Nodes are told, and every connection ends. */
  close(): Promise<void>;
}

const SECOND_CONNECTION_MS = 10_000;
const CLOSE_MS = 1_000;
const CONNECTIONS_PER_CLIENT_MAX = 100;
const HANDSHAKE_MS = 5_000;

interface Hall {
  readonly accept: () => Link | undefined;
  readonly api: ((connection: Duplex) => void) | undefined;
  readonly httpAddress: string;
  readonly report: SeldomReport;
  readonly pipes: Set<Pipe>;
  /** Control streams of nodes, by the ticket of their tunnels. */
  readonly nodes: Map<string, Pipe>;
  /** By ticket. */
  readonly awaited: Map<string, (pipe: Pipe) => Asking>;
  servers: readonly string[];
  tls: LinkTls | undefined;
}

type Stream = ServerDuplexStream<Frame, Frame>;

/** Rejects with NamedError LINK_LISTEN_FAILED or LINK_TLS_INVALID. */
export async function serveLink(options: ServeLinkOptions): Promise<ServedLink> {
  const { accept, host, port, tls, peer, report } = options;
  const api = options.api ?? peer?.api.bind(peer);
  const hall: Hall = {
    accept: typeof accept === "function" ? accept : () => accept,
    api,
    httpAddress: options.httpAddress ?? "",
    report: seldom(report),
    pipes: new Set(),
    nodes: new Map(),
    awaited: new Map(),
    servers: options.servers ?? [],
    tls,
  };
  const rooms = openRooms(hall, peer);
  const door = await openDoor({
    host,
    port,
    ...(tls === undefined ? {} : { tls }),
    upgradeMode: options.upgradeMode ?? false,
    connectionsPerClientMax: options.connectionsPerClientMax ?? CONNECTIONS_PER_CLIENT_MAX,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? HANDSHAKE_MS,
    report,
    inside: (socket) => rooms.inside().injectConnection(socket),
    turnedAway: (socket, why) => rooms.outside(why).injectConnection(socket),
  }).catch((error: unknown) => {
    rooms.close();
    throw error;
  });
  return {
    host,
    port: door.port,
    address: `${host.includes(":") ? `[${host}]` : host}:${door.port}`,
    tellServers(servers) {
      hall.servers = servers;
      const told = { kind: KIND.tell, method: "serversChanged", body: pack({ Servers: servers }) };
      for (const pipe of hall.nodes.values()) pipe.urgent(told);
    },
    reload(replaced, upgradeMode = options.upgradeMode ?? false) {
      door.reload(replaced, upgradeMode);
      hall.tls = replaced;
    },
    close: () => closeAll(hall, door, rooms),
  };
}

async function closeAll(hall: Hall, door: Door, rooms: { drain(): Promise<void>; close(): void }): Promise<void> {
  door.shut();
  for (const pipe of hall.pipes) pipe.close("the server stops");
  const waited = Promise.withResolvers<void>();
  const timer = setTimeout(waited.resolve, CLOSE_MS);
  await Promise.race([rooms.drain(), waited.promise]);
  clearTimeout(timer);
  rooms.close();
  door.clear();
}

/** Where streams are answered: one room for those who are let in, and one for each reason not to be. */
function openRooms(hall: Hall, peer: PeerEnd | undefined) {
  const servers: Server[] = [];
  const open = (nodes: Parameters<Server["addService"]>[1], others: Parameters<Server["addService"]>[1]): ConnectionInjector => {
    const server = new Server({ ...SERVER_CHANNEL_OPTIONS });
    servers.push(server);
    server.addService(NODE_LINK, nodes);
    server.addService(SERVERS, others);
    // What is encrypted was decrypted at the door.
    return server.createConnectionInjector(ServerCredentials.createInsecure());
  };
  const demands = (roles: readonly CertificateRole[], always: boolean) => (stream: Stream) => requireRole(hall, stream, roles, always);
  const inside = open(
    {
      Control: (stream: Stream) =>
        receive(hall, stream, demands(["client", "server"], false), (pipe, hello, become) => letIn(hall, pipe, hello, become)),
      Services: (stream: Stream) =>
        receive(hall, stream, demands(["client", "server"], false), (pipe, hello, become) => join(hall, pipe, hello, become)),
      Api: (stream: Stream) =>
        receiveTunnel(stream, demands(["client", "server"], false), (hello) => {
          if (!hall.nodes.has(String(hello["Ticket"])))
            throw refused("reach the API: its ticket is not of a node that is connected here", { statusCode: 403 });
          return apiOf(hall.api);
        }),
    },
    servePeers(hall, peer, demands(["server"], true)),
  );
  const outside = new Map<string, ConnectionInjector>();
  return {
    inside: () => inside,
    outside(why: CertificateObjection): ConnectionInjector {
      const already = outside.get(why.message);
      if (already !== undefined) return already;
      const refuse = () => {
        throw turnedAway(why);
      };
      const stream = (each: Stream) => receive(hall, each, refuse, async () => undefined);
      const opened = open({ Control: stream, Services: stream, Api: stream }, { Calls: stream, Api: stream });
      outside.set(why.message, opened);
      return opened;
    },
    async drain() {
      await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.tryShutdown(() => resolve()))));
    },
    close() {
      for (const server of servers) server.forceShutdown();
    },
  };
}

function apiOf(api: Hall["api"]): NonNullable<Hall["api"]> {
  if (api === undefined) throw refused("reach the API: this server does not serve it here");
  return api;
}

const turnedAway = ({ message, fix }: CertificateObjection): NamedError =>
  refused(`the server does not let this agent in: ${message}`, { statusCode: 403, fix });

/** Throws LINK_REFUSED for who may not speak as any of these. */
function requireRole(hall: Hall, stream: Stream, roles: readonly CertificateRole[], always: boolean): void {
  if (hall.tls === undefined) return;
  const certificate = certificateOf(stream.getAuthContext().sslPeerCertificate);
  // Nobody comes this far without but in upgrade mode, or before TLS was turned on.
  if (certificate === undefined) return;
  const objection = roleObjection(certificate, hall.tls, roles, always || hall.tls.verifyServerHostname);
  if (objection === undefined) return;
  hall.report(`refused a stream: ${objection.message}`, hostOf(stream.getPeer()), objection.fix);
  throw turnedAway(objection);
}

async function letIn(hall: Hall, pipe: Pipe, hello: Hello, become: Become): Promise<void> {
  const accept = hall.accept();
  if (accept === undefined) throw refused("no cluster leader yet: this server does not belong to a cluster that has one");
  const node = { ID: String(hello["ID"]) as NodeId, SecretID: String(hello["SecretID"]) };
  const second = secondConnection(hall, pipe, node.ID);
  const end: NodeEnd = {
    services: askNode(second.asking),
    allocationsChanged: (change) => tell("allocationsChanged", allocationPieces(change)),
    servicesChanged: (change) => tell("servicesChanged", servicePieces(change)),
  };
  let telling: Promise<void> = Promise.resolve();
  // Changes leave one after the other, a piece at a time as the node takes them.
  function tell(method: string, pieces: Iterable<unknown>): void {
    telling = telling.then(async () => {
      for (const piece of pieces) {
        if (!pipe.open) return;
        await pipe.bulk({ kind: KIND.tell, method, body: pack(piece) });
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
  }
  const connection = await accept.connect(node, end, (reason) => pipe.close(reason));
  const answering = createAnswering(() => pipe, answersOf(connection));
  const ticket = randomBytes(24).toString("base64url");
  hall.nodes.set(ticket, pipe);
  become({
    message: (message) => answering.take(message),
    closed(reason) {
      hall.nodes.delete(ticket);
      answering.closed();
      second.close(reason);
      connection.close();
    },
  });
  const words = { Version: PROTOCOL_VERSION, HttpAddress: hall.httpAddress, Servers: hall.servers, ApiTicket: ticket };
  pipe.urgent({ kind: KIND.welcome, body: pack(words) });
}

function answersOf(connection: LinkConnection): Answers {
  return {
    register: ([node, token]) => connection.register(node as Node, typeof token === "string" ? token : undefined),
    heartbeat: () => connection.heartbeat(),
    updateAllocations: ([updates]) => connection.updateAllocations(updates as AllocationClientUpdate[]),
    signIdentities: ([requests]) => connection.signIdentities(requests as IdentityRequest[]),
    services: () => connection.services(),
    upsertServices: ([services]) => connection.upsertServices(services as ServiceRegistration[]),
    deleteServices: ([ids]) => connection.deleteServices(ids as string[]),
    followServices: () => connection.followServices(),
    readVariable: ([question]) => connection.readVariable(question as VariableQuestion),
    takeTurn: ([allocationId]) => connection.takeTurn(String(allocationId) as AllocationId),
    giveTurnBack: ([allocationId]) => connection.giveTurnBack(String(allocationId) as AllocationId),
    unseal: ([allocationId]) => connection.unseal(String(allocationId) as AllocationId),
    verifyIdentity: ([token]) => connection.verifyIdentity(String(token)),
  };
}

/** The node's second connection: asked for on the first when it is wanted, kept until it breaks. */
function secondConnection(hall: Hall, control: Pipe, nodeId: string) {
  let current: { readonly pipe: Pipe; readonly asking: Asking } | undefined;
  let opening: Promise<Asking> | undefined;
  let abandon: ((error: Error) => void) | undefined;

  async function open(): Promise<Asking> {
    const ticket = randomBytes(24).toString("base64url");
    const { promise, resolve, reject } = Promise.withResolvers<Asking>();
    abandon = reject;
    const late = setTimeout(
      () => reject(refused(`node "${nodeId}": it did not open its second connection within ${SECOND_CONNECTION_MS / 1000} s`)),
      SECOND_CONNECTION_MS,
    );
    hall.awaited.set(ticket, (pipe) => {
      const asking = createAsking(
        () => pipe,
        (reason) => `node "${nodeId}": its second connection was lost: ${reason}`,
      );
      current = { pipe, asking };
      resolve(asking);
      return asking;
    });
    control.urgent({ kind: KIND.ask, body: pack({ Ticket: ticket }) });
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      hall.awaited.delete(ticket);
      opening = undefined;
    }
  }

  return {
    async asking(): Promise<Asking> {
      if (current?.pipe.open === true) return current.asking;
      if (!control.open) throw refused(`node "${nodeId}": its connection is closed`);
      opening ??= open();
      return opening;
    },
    close(reason: string) {
      abandon?.(refused(`node "${nodeId}": its connection was lost: ${reason}`));
      current?.pipe.close(reason);
    },
  };
}

async function join(hall: Hall, pipe: Pipe, hello: Hello, become: Become): Promise<void> {
  const ticket = String(hello["Ticket"]);
  const joined = hall.awaited.get(ticket);
  if (joined === undefined)
    throw refused("open second connection: its ticket is not one that was given, or it came too late", { statusCode: 403 });
  hall.awaited.delete(ticket);
  pipe.urgent({ kind: KIND.welcome });
  const asking = joined(pipe);
  become({ message: (message) => asking.take(message), closed: (reason) => asking.closed(reason) });
}
