/** Nouns as MessagePack, and failures as what can be told of them. Every message stands alone. */
// Without the native reader: its texts are slices of whole messages, and a kept id would keep all of that.
import { Packr } from "msgpackr/pack";
import { messageOf, NamedError } from "#std";

const packr = new Packr({ useRecords: true, moreTypes: false });

/** A copy: msgpackr hands out parts of a buffer it goes on writing to. */
export function pack(value: unknown): Uint8Array {
  return Uint8Array.from(packr.pack(value));
}

/** Throws NamedError LINK_FRAME_UNREADABLE. Bytes inside are views of `bytes`. */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new NamedError("LINK_FRAME_UNREADABLE", `Cannot read a message of the node link: ${messageOf(cause)}`, { statusCode: 400 });
  }
}

interface Fault {
  readonly Code: string;
  readonly Message: string;
  readonly StatusCode: number;
  readonly Fix: string;
}

export function packFault(thrown: unknown): Uint8Array {
  const named = thrown instanceof NamedError ? thrown : undefined;
  return pack({
    Code: named?.code ?? "LINK_FAILED",
    Message: messageOf(thrown),
    StatusCode: named?.statusCode ?? 500,
    Fix: named?.fix ?? "",
  } satisfies Fault);
}

export function unpackFault(bytes: Uint8Array): NamedError {
  const { Code, Message, StatusCode, Fix } = unpack(bytes) as Partial<Fault>;
  if (Code === undefined || Code === "LINK_FAILED") return new NamedError("LINK_FAILED", String(Message), { statusCode: 500 });
  return new NamedError(String(Code), String(Message), {
    statusCode: Number(StatusCode ?? 500),
    ...(Fix === undefined || Fix === "" ? {} : { fix: String(Fix) }),
  });
}
