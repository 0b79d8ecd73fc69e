/**
 * Bytes both ways on a gRPC stream, for a connection to an HTTP API.
 *
 *   opening ─HELLO─► accepting ─WELCOME─► open ─ITEM…─► END each way: closed        broken off by either end: destroyed
 *
 * Both directions are held back by who reads slowly (HTTP/2's own window). Each end may say that it has no more and still read. What is
 * destroyed at one end is destroyed at the other.
 */
import { Duplex } from "node:stream";
import { messageOf } from "#std";
import { type Frame, frame, KIND } from "./frame.ts";

/** A gRPC stream, whichever end. */
export interface TunnelStream {
  write(frame: Frame, written: (error?: Error | null) => void): boolean;
  pause(): unknown;
  resume(): unknown;
  on(event: "data", listener: (frame: Frame) => void): unknown;
  on(event: "end" | "close" | "cancelled", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

export interface TunnelEnds {
  /** Both directions are over. */
  readonly finish: () => void;
  readonly breakOff: () => void;
}

/** Of one frame. */
const PIECE_BYTES = 64 * 1024;

/** From now on the stream's frames are the tunnel's. `remoteAddress`: what an HTTP server is to think of as the other end. */
export function createTunnel(stream: TunnelStream, ends: TunnelEnds, remoteAddress: string): Duplex {
  let ended = false;
  let heardEnd = false;
  let over = false;

  const finishWhenBoth = () => {
    if (!ended || !heardEnd || over) return;
    over = true;
    ends.finish();
  };
  const lost = (why: string) => {
    if (over) return;
    over = true;
    if (!heardEnd || !ended) duplex.destroy(reset(why));
  };
  const send = (part: Frame, done: (error?: Error | null) => void) => {
    if (over) return done(reset("it is closed"));
    stream.write(part, (error) => done(error === undefined || error === null ? null : reset(messageOf(error))));
  };

  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => void stream.resume(),
    write(chunk: Buffer, _encoding, done) {
      const next = (at: number) => {
        if (at >= chunk.length) return done();
        send(frame(KIND.item, { body: chunk.subarray(at, at + PIECE_BYTES) }), (error) =>
          error === null || error === undefined ? next(at + PIECE_BYTES) : done(error),
        );
      };
      next(0);
    },
    final(done) {
      send(frame(KIND.end), (error) => {
        ended = true;
        finishWhenBoth();
        done(error);
      });
    },
    destroy(error, done) {
      if (!over) {
        over = true;
        ends.breakOff();
      }
      done(error);
    },
  });

  // Lost while nobody listens it is lost, and no more: whoever uses it hears of its end.
  duplex.on("error", () => undefined);
  stream.on("data", ({ kind, body }) => {
    if (kind === KIND.item) {
      if (body.length > 0 && !duplex.push(Buffer.from(body.buffer, body.byteOffset, body.length))) stream.pause();
    } else if (kind === KIND.end) {
      heardEnd = true;
      duplex.push(null);
      finishWhenBoth();
    }
  });
  stream.on("end", () => lost("the other end closed it"));
  stream.on("cancelled", () => lost("the other end broke it off"));
  stream.on("error", (error) => lost(messageOf(error)));
  stream.on("close", () => lost("the connection was lost"));
  return likeASocket(duplex, remoteAddress);
}

/** As a socket says it: what speaks HTTP on it knows that. */
function reset(why: string): Error {
  return Object.assign(new Error(`Cannot go on with the connection to a server's API: ${why}`), { code: "ECONNRESET" });
}

/** What clients and servers of HTTP ask of a socket besides. */
function likeASocket(duplex: Duplex, remoteAddress: string): Duplex {
  const same = () => duplex;
  return Object.assign(duplex, { setTimeout: same, setNoDelay: same, setKeepAlive: same, ref: same, unref: same, remoteAddress });
}
