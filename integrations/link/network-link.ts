/**
 * The node's end: finds a server that takes it, and keeps that one until the stream ends.
 *
 *   servers() ─► in random order ─► connect ─► HELLO ─► WELCOME: this one           FAULT, no answer: the next
 *
 * None takes it: one refusal that says of each why not. The caller waits and asks again; servers are looked up anew each time.
 */
import { Client, credentials, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import type { Clock, Link, LinkConnection, NodeEnd, Random } from "#ports";
import { messageOf, NamedError } from "#std";
import { pack, unpack, unpackFault } from "./body.ts";
import { type Answering, createAnswering, createAsking } from "./calls.ts";
import { type AllocationsPiece, gatherAllocations, gatherServices, type ServicesPiece } from "./changes.ts";
import { type Frame, KIND } from "./frame.ts";
import { answerForNode } from "./node-services.ts";
import { createPipe, type FrameStream, type Message, type Pipe } from "./pipe.ts";
import { CLIENT_CHANNEL_OPTIONS, CONTROL, type LinkTls, PROTOCOL_VERSION, refused, SERVICES } from "./service.ts";

export interface NetworkLinkOptions {
  /** host:port each. Asked at every connect. */
  readonly servers: () => Promise<readonly string[]>;
  readonly tls?: LinkTls;
  readonly clock: Clock;
  readonly random: Random;
  /** Told at every new connection: which server, and where its HTTP API is (host:port, "": it does not say). */
  readonly connected?: (to: { readonly server: string; readonly httpAddress: string }) => void;
  /** Only tests speak another. */
  readonly version?: number;
}

/** A server that has not answered by then is passed over. */
const CONNECT_MS = 5_000;

type Secrets = Parameters<Link["connect"]>[0];

export function networkLink(options: NetworkLinkOptions): Link {
  return {
    async connect(node, end, closed) {
      const servers = await options.servers();
      if (servers.length === 0) {
        throw refused("connect to servers: none is known", {
          fix: 'Name one: client { servers = ["10.0.0.1:4647"] }, or start one that Consul knows.',
        });
      }
      const problems: (readonly [server: string, error: NamedError])[] = [];
      for (const server of shuffled([...new Set(servers)], options.random)) {
        try {
          return await connectTo(server, options, node, end, closed);
        } catch (thrown) {
          problems.push([server, thrown instanceof NamedError ? thrown : refused(messageOf(thrown))]);
        }
      }
      throw noneTook(problems);
    },
  };
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

async function connectTo(
  server: string,
  options: NetworkLinkOptions,
  node: Secrets,
  end: NodeEnd,
  closed: (reason: string) => void,
): Promise<LinkConnection> {
  const control = openStream(server, CONTROL, options);
  const asking = createAsking(
    () => control.pipe,
    (reason) => `server ${server}: the connection is lost: ${reason}`,
  );
  const second = secondConnection(server, options, end);
  let welcomed = false;
  const told = tellTo(end);
  const welcome = hail(
    control,
    options,
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
        if (welcomed) closed(reason);
      },
    },
  );
  const { HttpAddress } = await welcome;
  welcomed = true;
  options.connected?.({ server, httpAddress: typeof HttpAddress === "string" ? HttpAddress : "" });
  const ask = async (method: keyof LinkConnection, ...args: readonly unknown[]) =>
    (await asking.ask(method, args).catch((thrown: unknown) => {
      throw unsupported(thrown, server, method);
    })) as never;
  return {
    register: (described) => ask("register", described),
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

function tellTo(end: NodeEnd): (message: Message) => void {
  const allocations = gatherAllocations();
  const services = gatherServices();
  return ({ method, body }) => {
    if (method === "allocationsChanged") {
      const change = allocations(unpack(body) as AllocationsPiece);
      if (change !== undefined) end.allocationsChanged(change);
    } else if (method === "servicesChanged") {
      const change = services(unpack(body) as ServicesPiece);
      if (change !== undefined) end.servicesChanged(change);
    }
  };
}

/** Opened when the server asks, on a channel of its own. It fails by itself: the server asks again. */
function secondConnection(server: string, options: NetworkLinkOptions, end: NodeEnd) {
  const open = new Set<Pipe>();
  const answers = answerForNode(end.services);
  return {
    open(ticket: string) {
      const stream = openStream(server, SERVICES, options);
      open.add(stream.pipe);
      const answering: Answering = createAnswering(() => stream.pipe, answers);
      hail(
        stream,
        options,
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

interface OpenedStream {
  readonly pipe: Pipe;
  /** Who gets the messages and the end. */
  events: { readonly message: (message: Message) => void; readonly closed: (reason: string) => void };
}

function openStream(server: string, method: typeof CONTROL, { tls }: NetworkLinkOptions): OpenedStream {
  const client = new Client(server, tls === undefined ? credentials.createInsecure() : credentials.createSsl(tls.ca, tls.key, tls.cert), {
    ...CLIENT_CHANNEL_OPTIONS,
    ...(tls?.serverName === undefined ? {} : { "grpc.ssl_target_name_override": tls.serverName, "grpc.default_authority": tls.serverName }),
  });
  const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
  const opened: OpenedStream = {
    events: { message: () => undefined, closed: () => undefined },
    pipe: createPipe(asFrameStream(stream), {
      message: (message) => opened.events.message(message),
      closed(reason, error) {
        // After the last word has left.
        setTimeout(() => client.close(), 1_000).unref();
        opened.events.closed(error === undefined ? reason : reasonOf(error as ServiceError));
      },
    }),
  };
  return opened;
}

/** Says hello and waits for the answer; afterwards everything goes to `then`. Rejects with why it was refused. */
function hail(
  stream: OpenedStream,
  { clock }: NetworkLinkOptions,
  hello: Readonly<Record<string, unknown>>,
  then: { readonly message: (message: Message) => void; readonly closed: (reason: string) => void },
): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(CONNECT_MS, () => stream.pipe.close(`no answer within ${CONNECT_MS / 1000} s`));
    let refusal: NamedError | undefined;
    stream.events = {
      message(message) {
        if (message.kind === KIND.fault) refusal = unpackFault(message.body);
        if (message.kind !== KIND.welcome) return;
        timer.cancel();
        stream.events = then;
        resolve(message.body.length === 0 ? {} : (unpack(message.body) as Readonly<Record<string, unknown>>));
      },
      closed(reason) {
        timer.cancel();
        then.closed(reason);
        reject(refusal ?? refused(reason, isForeign(reason) ? { fix: FIX_FOREIGN } : {}));
      },
    };
    stream.pipe.urgent({ kind: KIND.hello, body: pack(hello) });
  });
}

const FIX_FOREIGN =
  "Something else than a server's node link listens there: the port is ports { rpc } of the server, 4647 by default (4646 is HTTP).";

function isForeign(reason: string): boolean {
  return /Protocol error|HTTP\/1|Parse Error|unimplemented|RST_STREAM|NGHTTP2|ECONNRESET|socket closed/i.test(reason);
}

/** gRPC's own words shortened to what tells. */
function reasonOf(error: ServiceError): string {
  const text = error.details ?? messageOf(error);
  const cause = /Last error: (.*?)(?:\.? Resolution note:.*)?$/.exec(text)?.[1] ?? text;
  return cause
    .replace(/^Error: /, "")
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, "")
    .replace(/^Protocol error$/, "it is no node link that listens there (protocol error)")
    .replace(/^connect (E[A-Z]+).*$/, (whole, code: string) => `${MEANINGS[code] ?? whole}`);
}

const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there (connection refused)",
  EHOSTUNREACH: "there is no way to that machine (EHOSTUNREACH)",
  ENETUNREACH: "there is no way to that network (ENETUNREACH)",
  ETIMEDOUT: "no answer (ETIMEDOUT)",
};

function asFrameStream(stream: ClientDuplexStream<Frame, Frame>): FrameStream {
  return {
    write: (frame) => stream.write(frame),
    end: () => void stream.end(),
    cancel: () => stream.cancel(),
    on: (event: string, listener: (...args: never[]) => void) => stream.on(event as "end", listener as () => void),
  };
}
