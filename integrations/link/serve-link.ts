/**
 * The servers' end: listens, lets nodes in, and stands between their streams and the acceptor in this process.
 *
 *   Control:  HELLO {Version, ID, SecretID} ─► accept.connect ─► WELCOME ─► CALL… / TELL…         refused: FAULT, end
 *   Services: HELLO {Version, Ticket}       ─► joined to the control stream the ticket was given on
 *
 * The second connection is asked for when somebody first wants something of the node, and again when it broke. A ticket is good once,
 * for the node it was sent to.
 */
import { randomBytes } from "node:crypto";
import { Metadata, Server, ServerCredentials, status, type ServerDuplexStream } from "@grpc/grpc-js";
import type { AllocationClientUpdate, AllocationId, IdentityRequest, Node, NodeId, ServiceRegistration } from "#model";
import type { Link, LinkConnection, NodeEnd, VariableQuestion } from "#ports";
import { messageOf, NamedError } from "#std";
import { pack, packFault, unpack } from "./body.ts";
import { createAnswering, createAsking, type Answers, type Asking } from "./calls.ts";
import { allocationPieces, servicePieces } from "./changes.ts";
import { type Frame, KIND } from "./frame.ts";
import { askNode } from "./node-services.ts";
import { createPipe, type FrameStream, type Message, type Pipe } from "./pipe.ts";
import { CHANNEL_OPTIONS, type LinkReport, type LinkTls, NODE_LINK, PROTOCOL_VERSION, refused } from "./service.ts";

export interface ServeLinkOptions {
  /** The acceptor: `server.link`. */
  readonly accept: Link;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Without it nothing is proven but a node's secret, and anybody on the way can read along. */
  readonly tls?: LinkTls;
  /** host:port of this server's HTTP API, told to nodes; "": not told. */
  readonly httpAddress?: string;
  readonly report: LinkReport;
}

export interface ServedLink {
  readonly host: string;
  readonly port: number;
  /** host:port */
  readonly address: string;
  /** Nodes are told, and every connection ends. */
  close(): Promise<void>;
}

/** Who opens a stream says at once who it is. */
const HELLO_MS = 10_000;
/** A hello is short; before it nobody is believed. */
const HELLO_BYTES_MAX = 16 * 1024;
const SECOND_CONNECTION_MS = 10_000;
const CLOSE_MS = 1_000;

interface Hall {
  readonly accept: Link;
  readonly httpAddress: string;
  readonly report: LinkReport;
  readonly pipes: Set<Pipe>;
  /** By ticket. */
  readonly awaited: Map<string, (pipe: Pipe) => Asking>;
}

/** Rejects with NamedError LINK_LISTEN_FAILED. */
export async function serveLink({ accept, host, port, tls, httpAddress = "", report }: ServeLinkOptions): Promise<ServedLink> {
  const server = new Server({ ...CHANNEL_OPTIONS });
  const hall: Hall = { accept, httpAddress, report, pipes: new Set(), awaited: new Map() };
  server.addService(NODE_LINK, {
    Control: (stream: ServerDuplexStream<Frame, Frame>) => receive(hall, stream, (pipe, hello, become) => letIn(hall, pipe, hello, become)),
    Services: (stream: ServerDuplexStream<Frame, Frame>) => receive(hall, stream, (pipe, hello, become) => join(hall, pipe, hello, become)),
  });
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(tls.ca, [{ cert_chain: tls.cert, private_key: tls.key }], true);
  const bound = await new Promise<number>((resolve, reject) => {
    const at = `${host.includes(":") ? `[${host}]` : host}`;
    server.bindAsync(`${at}:${port}`, credentials, (error, opened) => {
      if (error === null) resolve(opened);
      else reject(listenFailed(`${at}:${port}`, error));
    });
  }).catch((error: unknown) => {
    server.forceShutdown();
    throw error;
  });
  return {
    host,
    port: bound,
    address: `${host.includes(":") ? `[${host}]` : host}:${bound}`,
    async close() {
      for (const pipe of hall.pipes) pipe.close("the server stops");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, CLOSE_MS);
        server.tryShutdown(() => {
          clearTimeout(timer);
          server.forceShutdown();
          resolve();
        });
      });
    },
  };
}

function listenFailed(at: string, error: Error): NamedError {
  const busy = /EADDRINUSE/.test(error.message);
  return new NamedError(
    "LINK_LISTEN_FAILED",
    `Cannot listen for nodes on ${at}: ${busy ? "the port is in use by another process" : error.message}`,
    { fix: "Stop the other program, or choose another port: ports { rpc = 4657 }." },
  );
}

/** From then on messages and the end of the stream are these. */
type Become = (events: { readonly message: (message: Message) => void; readonly closed: (reason: string) => void }) => void;

/** The first message decides; one that says the wrong thing is refused with the reason. */
function receive(
  hall: Hall,
  stream: ServerDuplexStream<Frame, Frame>,
  greet: (pipe: Pipe, hello: Readonly<Record<string, unknown>>, become: Become) => Promise<void>,
): void {
  let greeted = false;
  let ended: string | undefined;
  let taken: Parameters<Become>[0] | undefined;
  const late = setTimeout(() => pipe.close("nothing was said"), HELLO_MS);
  const refuse = (thrown: unknown) => {
    if (!pipe.open) return;
    pipe.urgent({ kind: KIND.fault, body: packFault(thrown) });
    pipe.close(messageOf(thrown));
  };
  const pipe = createPipe(asFrameStream(stream), {
    message(message) {
      if (greeted) return taken?.message(message);
      greeted = true;
      clearTimeout(late);
      void (async () => {
        if (message.kind !== KIND.hello || message.body.length > HELLO_BYTES_MAX)
          throw refused("the first message is not a hello", { statusCode: 400 });
        const hello = (unpack(message.body) ?? {}) as Readonly<Record<string, unknown>>;
        requireVersion(hello["Version"]);
        await greet(pipe, hello, (events) => {
          taken = events;
          if (ended !== undefined) events.closed(ended);
        });
      })().catch(refuse);
    },
    messageBytesMax: () => (greeted ? undefined : HELLO_BYTES_MAX),
    closed(reason) {
      clearTimeout(late);
      hall.pipes.delete(pipe);
      ended = reason;
      taken?.closed(reason);
    },
  });
  hall.pipes.add(pipe);
}

function requireVersion(version: unknown): void {
  if (version === PROTOCOL_VERSION) return;
  throw refused(`connect node: it speaks version ${JSON.stringify(version)} of the node link, this server speaks ${PROTOCOL_VERSION}`, {
    statusCode: 400,
    fix: "Run the same version on servers and nodes; upgrade servers first.",
  });
}

async function letIn(hall: Hall, pipe: Pipe, hello: Readonly<Record<string, unknown>>, become: Become): Promise<void> {
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
  const connection = await hall.accept.connect(node, end, (reason) => pipe.close(reason));
  const answering = createAnswering(() => pipe, answersOf(connection));
  become({
    message: (message) => answering.take(message),
    closed(reason) {
      answering.closed();
      second.close(reason);
      connection.close();
    },
  });
  pipe.urgent({ kind: KIND.welcome, body: pack({ Version: PROTOCOL_VERSION, HttpAddress: hall.httpAddress }) });
}

function answersOf(connection: LinkConnection): Answers {
  return {
    register: ([node]) => connection.register(node as Node),
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

async function join(hall: Hall, pipe: Pipe, hello: Readonly<Record<string, unknown>>, become: Become): Promise<void> {
  const ticket = String(hello["Ticket"]);
  const joined = hall.awaited.get(ticket);
  if (joined === undefined)
    throw refused("open second connection: its ticket is not one that was given, or it came too late", { statusCode: 403 });
  hall.awaited.delete(ticket);
  pipe.urgent({ kind: KIND.welcome });
  const asking = joined(pipe);
  become({ message: (message) => asking.take(message), closed: (reason) => asking.closed(reason) });
}

function asFrameStream(stream: ServerDuplexStream<Frame, Frame>): FrameStream {
  return {
    write: (frame) => stream.write(frame),
    end: () => void stream.end(),
    // gRPC's way to end a call badly: destroyed alone, it would stay open for the other end.
    cancel() {
      if (!stream.writableFinished) stream.emit("error", { code: status.ABORTED, details: "broken off", metadata: new Metadata() });
    },
    on: (event: string, listener: (...args: never[]) => void) => stream.on(event as "end", listener as () => void),
  };
}
