/** The accepting end of a stream: who opens one says at once who it is; one that says the wrong thing is refused with the reason. */
import type { Duplex } from "node:stream";
import { Metadata, status, type ServerDuplexStream } from "@grpc/grpc-js";
import { messageOf } from "#std";
import { packFault, unpack } from "./body.ts";
import { type Frame, frame, KIND } from "./frame.ts";
import { createPipe, type FrameStream, type Message, type Pipe } from "./pipe.ts";
import { PROTOCOL_VERSION, refused } from "./service.ts";
import { createTunnel } from "./tunnel.ts";

const HELLO_MS = 10_000;
/** A hello is short; before it nobody is believed. */
const HELLO_BYTES_MAX = 16 * 1024;
/** Of what somebody let in has begun to say and not finished. */
const GATHERED_BYTES_MAX = 64 * 1024 * 1024;

export type Hello = Readonly<Record<string, unknown>>;
type Stream = ServerDuplexStream<Frame, Frame>;

/** From then on messages and the end of the stream are these. */
export type Become = (events: { readonly message: (message: Message) => void; readonly closed: (reason: string) => void }) => void;

/** The first message decides. `admit` throws for who may not come in at all. */
export function receive(
  hall: { readonly pipes: Set<Pipe> },
  stream: Stream,
  admit: (stream: Stream) => void,
  greet: (pipe: Pipe, hello: Hello, become: Become) => Promise<void>,
): void {
  let greeted = false;
  let welcomed = false;
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
        admit(stream);
        const hello = readHello(message);
        await greet(pipe, hello, (events) => {
          taken = events;
          welcomed = true;
          if (ended !== undefined) events.closed(ended);
        });
      })().catch(refuse);
    },
    messageBytesMax: () => (welcomed ? GATHERED_BYTES_MAX : HELLO_BYTES_MAX),
    closed(reason) {
      clearTimeout(late);
      hall.pipes.delete(pipe);
      ended = reason;
      taken?.closed(reason);
    },
  });
  hall.pipes.add(pipe);
}

/** A tunnel, once its hello is good. `lead` throws for who may not have one, and answers with who takes it. */
export function receiveTunnel(stream: Stream, admit: (stream: Stream) => void, lead: (hello: Hello) => (connection: Duplex) => void): void {
  let over = false;
  const breakOff = () => {
    if (over) return;
    over = true;
    clearTimeout(late);
    abort(stream);
  };
  const late = setTimeout(breakOff, HELLO_MS);
  const first = (message: Frame) => {
    clearTimeout(late);
    stream.off("data", first);
    stream.pause();
    try {
      admit(stream);
      const hello = readHello(message);
      const take = lead(hello);
      stream.write(frame(KIND.welcome));
      take(createTunnel(stream, { finish: () => void stream.end(), breakOff }, hostOf(stream.getPeer())));
    } catch (thrown) {
      stream.write(frame(KIND.fault, { body: packFault(thrown) }));
      stream.end();
    }
  };
  stream.on("data", first);
  stream.on("error", () => clearTimeout(late));
  stream.on("cancelled", () => clearTimeout(late));
  stream.on("end", () => clearTimeout(late));
}

function readHello(message: Pick<Message, "kind" | "body">): Hello {
  if (message.kind !== KIND.hello || message.body.length > HELLO_BYTES_MAX)
    throw refused("the first message is not a hello", { statusCode: 400 });
  const hello = (unpack(message.body) ?? {}) as Hello;
  requireVersion(hello["Version"]);
  return hello;
}

function requireVersion(version: unknown): void {
  if (version === PROTOCOL_VERSION) return;
  throw refused(`connect node: it speaks version ${JSON.stringify(version)} of the node link, this server speaks ${PROTOCOL_VERSION}`, {
    statusCode: 400,
    fix: "Run the same version on servers and nodes; upgrade servers first.",
  });
}

/** Of ip:port. */
export const hostOf = (peer: string): string => peer.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");

function asFrameStream(stream: Stream): FrameStream {
  return {
    write: (part) => stream.write(part),
    end: () => void stream.end(),
    cancel: () => abort(stream),
    on: (event: string, listener: (...args: never[]) => void) => stream.on(event as "end", listener as () => void),
  };
}

/** gRPC's way to end a call badly: destroyed alone, it would stay open for the other end. */
function abort(stream: Stream): void {
  if (!stream.writableFinished) stream.emit("error", { code: status.ABORTED, details: "broken off", metadata: new Metadata() });
}
