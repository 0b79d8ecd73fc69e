/** The opening end of a stream: gRPC's client, the hello, and what a failure means. */
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  type ServiceError,
} from "@grpc/grpc-js";
import { X509Certificate } from "node:crypto";
import { certificateName, roleObjection } from "#model";
import type { Clock } from "#ports";
import { messageOf, type NamedError } from "#std";
import { pack, unpack, unpackFault } from "./body.ts";
import { contextOf, type LinkTls, trustObjection } from "./certificates.ts";
import { type Frame, frame, KIND } from "./frame.ts";
import { createPipe, type FrameStream, type Message, type Pipe } from "./pipe.ts";
import { type FrameMethod, refused } from "./service.ts";
import { createTunnel } from "./tunnel.ts";
import type { Duplex } from "node:stream";

/** gRPC's client of one server; whoever opened it closes it. */
export function openClient(server: string, tls: LinkTls | undefined, options: ChannelOptions): Client {
  if (tls === undefined) return new Client(server, hangUpOnSilence(credentials.createInsecure()), options);
  const secured = credentials.createFromSecureContext(contextOf(tls), {
    checkServerIdentity(_host, shown) {
      const objection = roleObjection(new X509Certificate(shown.raw), tls, ["server"], tls.verifyServerHostname);
      return objection === undefined ? undefined : new Error(objection.message);
    },
  });
  const name = certificateName("server", tls.region);
  return new Client(server, hangUpOnSilence(secured), {
    ...options,
    "grpc.ssl_target_name_override": name,
    "grpc.default_authority": name,
  });
}

/** Who has taken a connection says something, if only that it speaks HTTP/2. */
const SILENCE_MS = 5_000;

/** gRPC itself waits for that for ever, on a socket that nobody else can close. */
function hangUpOnSilence(by: ChannelCredentials): ChannelCredentials {
  const create = by._createSecureConnector.bind(by);
  by._createSecureConnector = (...words) => {
    const connector = create(...words);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      const timer = setTimeout(() => {
        if (socket.bytesRead === 0) socket.destroy();
      }, SILENCE_MS).unref();
      socket.once("close", () => clearTimeout(timer));
      return connect(socket);
    };
    return connector;
  };
  return by;
}

export interface StreamEvents {
  readonly message: (message: Message) => void;
  readonly closed: (reason: string) => void;
}

export interface OpenedStream {
  readonly pipe: Pipe;
  /** Who gets the messages and the end. */
  events: StreamEvents;
}

export function openStream(client: Client, method: FrameMethod, closed: () => void): OpenedStream {
  const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
  const opened: OpenedStream = {
    events: { message: () => undefined, closed: () => undefined },
    pipe: createPipe(asFrameStream(stream), {
      message: (message) => opened.events.message(message),
      closed(reason, error) {
        closed();
        opened.events.closed(error === undefined ? reason : reasonOf(error as ServiceError));
      },
    }),
  };
  return opened;
}

/** Says hello and waits for the answer; afterwards everything goes to `then`. Rejects with why it was refused. */
export function hail(
  stream: OpenedStream,
  clock: Clock,
  withinMs: number,
  hello: Readonly<Record<string, unknown>>,
  then: StreamEvents,
): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(withinMs, () => stream.pipe.close(`no answer within ${withinMs / 1000} s`));
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
        reject(refusal ?? refusalOf(reason));
      },
    };
    stream.pipe.urgent({ kind: KIND.hello, body: pack(hello) });
  });
}

/** A tunnel once the other end has welcomed it. Rejects with why it was refused. */
export function hailTunnel(
  client: Client,
  method: FrameMethod,
  hello: Readonly<Record<string, unknown>>,
  { clock, withinMs, remoteAddress }: { readonly clock: Clock; readonly withinMs: number; readonly remoteAddress: string },
): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
    const timer = clock.after(withinMs, () => fail(`no answer within ${withinMs / 1000} s`));
    let settled = false;
    const fail = (reason: string, refusal?: NamedError) => {
      timer.cancel();
      if (settled) return;
      settled = true;
      stream.cancel();
      reject(refusal ?? refusalOf(reason));
    };
    const first = ({ kind, body }: Frame) => {
      if (settled) return;
      if (kind === KIND.fault) return fail("it was refused", unpackFault(body));
      if (kind !== KIND.welcome) return fail("the answer is none of this protocol");
      timer.cancel();
      settled = true;
      stream.off("data", first);
      stream.pause();
      resolve(createTunnel(stream, { finish: () => void stream.end(), breakOff: () => stream.cancel() }, remoteAddress));
    };
    stream.on("data", first);
    stream.on("error", (error: ServiceError) => fail(reasonOf(error)));
    stream.on("end", () => fail("the connection ended"));
    stream.write(frame(KIND.hello, { body: pack(hello) }));
  });
}

function refusalOf(reason: string): NamedError {
  const fix = FIXES.find(([pattern]) => pattern.test(reason))?.[1];
  return refused(reason, fix === undefined ? {} : { fix });
}

const NO_TLS_THERE = "it does not speak TLS there, and here it is demanded";

const FIXES: readonly (readonly [RegExp, string])[] = [
  [new RegExp(NO_TLS_THERE), "Turn it on there: tls { rpc = true, ca_file, cert_file, key_file }, or off here."],
  [/certificate is for/, "Give that server a certificate for server.<region>.nomad; see that region is the same at both ends."],
  [/certificate has expired/, trustObjection("CERT_HAS_EXPIRED").fix],
  [/certificate is not valid yet/, trustObjection("CERT_NOT_YET_VALID").fix],
  [/certificate is not signed/, trustObjection("").fix],
  [
    /Protocol error|HTTP\/1|Parse Error|unimplemented|RST_STREAM|NGHTTP2|ECONNRESET|socket closed/i,
    "Something else than a server's node link listens there: the port is ports { rpc } of the server, 4647 by default (4646 is HTTP).",
  ],
];

/** gRPC's own words shortened to what tells. */
export function reasonOf(error: ServiceError): string {
  const text = error.details ?? messageOf(error);
  const cause = /Last error: (.*?)(?:\.? Resolution note:.*)?$/s.exec(text)?.[1] ?? text;
  const short = cause.replace(/^Error: /, "").replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, "");
  if (/no application protocol|wrong version number|packet length too long/.test(short)) return NO_TLS_THERE;
  if (/certificate has expired|CERT_HAS_EXPIRED/.test(short)) return trustObjection("CERT_HAS_EXPIRED").message;
  if (/not yet valid/.test(short)) return trustObjection("CERT_NOT_YET_VALID").message;
  if (/self[- ]signed|issuer certificate|verify the first certificate|signature failure/i.test(short)) return trustObjection("").message;
  return short
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
    write: (part) => stream.write(part),
    end: () => void stream.end(),
    cancel: () => stream.cancel(),
    on: (event: string, listener: (...args: never[]) => void) => stream.on(event as "end", listener as () => void),
  };
}
