/** Bytes ↔ questions and replies. An answer that does not fit a datagram is cut and marked, so that the asker comes back over TCP. */
import {
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  type Packet,
  type Question,
} from "dns-packet";
import type { Reply } from "./answer.ts";

const DATAGRAM_BYTES = 512;
/** Larger ones are cut on the way by somebody else. */
const DATAGRAM_BYTES_MAX = 1232;
const STREAM_BYTES_MAX = 65_535;
const CODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const CLASSES: readonly string[] = ["IN", "ANY"];
export type Code = keyof typeof CODES;

export interface Asked {
  readonly id: number;
  readonly question: Question;
  readonly recursion: boolean;
  /** Understands EDNS; of what it can take. */
  readonly datagramBytes: number | undefined;
}

/** Undefined: not a question at all, nothing is answered. "malformed": its id is known, no more. */
export function readQuestion(bytes: Uint8Array): Asked | { readonly malformed: number; readonly code: Code } | undefined {
  if (bytes.length < 12) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A reply sent to us as if it were a question would be answered by another such server, for ever.
  if ((buffer.readUInt16BE(2) & 0x8000) !== 0) return undefined;
  const id = buffer.readUInt16BE(0);
  if (((buffer.readUInt16BE(2) >> 11) & 0xf) !== 0) return { malformed: id, code: "NOTIMP" };
  let packet: ReturnType<typeof decode>;
  try {
    packet = decode(buffer);
  } catch {
    return { malformed: id, code: "FORMERR" };
  }
  const question = packet.questions?.[0];
  if (question === undefined || packet.questions?.length !== 1) return { malformed: id, code: "FORMERR" };
  // Ours are names of the Internet; and a name that is not text could not be said again as it was asked.
  if (!CLASSES.includes(question.class ?? "IN")) return { malformed: id, code: "REFUSED" };
  if (question.name.includes("\u{fffd}")) return { malformed: id, code: "FORMERR" };
  const extension = packet.additionals?.find((each) => each.type === "OPT");
  return {
    id,
    question,
    recursion: ((packet.flags ?? 0) & RECURSION_DESIRED) !== 0,
    datagramBytes: extension?.type === "OPT" ? extension.udpPayloadSize : undefined,
  };
}

export function writeReply(asked: Asked, reply: Reply, transport: "udp" | "tcp"): Uint8Array {
  const limit =
    transport === "tcp" ? STREAM_BYTES_MAX : Math.min(Math.max(asked.datagramBytes ?? DATAGRAM_BYTES, DATAGRAM_BYTES), DATAGRAM_BYTES_MAX);
  const whole = encoded(asked, reply, AUTHORITATIVE_ANSWER);
  if (whole.length <= limit) return whole;
  // Additional records help, and are not asked for.
  const bare = { ...reply, additionals: [] };
  const withoutHelp = encoded(asked, bare, AUTHORITATIVE_ANSWER);
  if (withoutHelp.length <= limit) return withoutHelp;
  let fits = 0;
  for (let low = 0, high = reply.answers.length; low < high;) {
    const middle = Math.ceil((low + high) / 2);
    if (encoded(asked, { ...bare, answers: reply.answers.slice(0, middle) }, AUTHORITATIVE_ANSWER).length <= limit) fits = low = middle;
    else high = middle - 1;
  }
  const truncated = transport === "udp" ? TRUNCATED_RESPONSE : 0;
  return encoded(asked, { ...bare, answers: reply.answers.slice(0, fits) }, AUTHORITATIVE_ANSWER | truncated);
}

/** No data, only why. */
export function writeRefusal(asked: Pick<Asked, "id"> & Partial<Asked>, code: Code): Uint8Array {
  return finished(
    encode({
      type: "response",
      id: asked.id,
      flags: recursionFlags(asked),
      questions: asked.question === undefined ? [] : [asked.question],
    }),
    code,
  );
}

function encoded(asked: Asked, reply: Reply, flags: number): Uint8Array {
  const packet: Packet = {
    type: "response",
    id: asked.id,
    flags: flags | recursionFlags(asked),
    questions: [asked.question],
    answers: [...reply.answers],
    authorities: [...reply.authorities],
    additionals: [
      ...reply.additionals,
      ...(asked.datagramBytes === undefined
        ? []
        : [
            {
              type: "OPT" as const,
              name: "." as const,
              udpPayloadSize: DATAGRAM_BYTES_MAX,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ]),
    ],
  };
  return finished(encode(packet), reply.code);
}

function recursionFlags(asked: Partial<Asked>): number {
  return RECURSION_AVAILABLE | (asked.recursion === true ? RECURSION_DESIRED : 0);
}

/** dns-packet has no way to say the code. */
function finished(bytes: Buffer, code: Code): Uint8Array {
  bytes.writeUInt8((bytes.readUInt8(3) & 0xf0) | CODES[code], 3);
  return bytes;
}
