/** The envelope of link.proto, written and read by hand: six fields need no compiler, and nothing is loaded at start. */
import { NamedError } from "#std";

export const KIND = {
  hello: 1,
  welcome: 2,
  call: 3,
  answer: 4,
  fault: 5,
  item: 6,
  end: 7,
  cancel: 8,
  credit: 9,
  tell: 10,
  ask: 11,
  close: 12,
} as const;

export interface Frame {
  /** One of KIND; others come from newer versions and are passed over. */
  readonly kind: number;
  readonly call: number;
  readonly method: string;
  readonly body: Uint8Array;
  readonly more: boolean;
  readonly credit: number;
}

export const NO_BODY: Uint8Array = new Uint8Array();

/** Everything left out is empty. */
export function frame(kind: number, fields: Partial<Omit<Frame, "kind">> = {}): Frame {
  return { kind, call: 0, method: "", body: NO_BODY, more: false, credit: 0, ...fields };
}

export function encodeFrame({ kind, call, method, body, more, credit }: Frame): Buffer {
  const head: number[] = [];
  putNumber(head, 1, kind);
  putNumber(head, 2, call);
  const name = Buffer.from(method, "utf8");
  if (name.length > 0) {
    head.push((3 << 3) | 2);
    putVarint(head, name.length);
    head.push(...name);
  }
  putNumber(head, 5, more ? 1 : 0);
  putNumber(head, 6, credit);
  if (body.length > 0) {
    head.push((4 << 3) | 2);
    putVarint(head, body.length);
  }
  const bytes = Buffer.allocUnsafe(head.length + body.length);
  bytes.set(head, 0);
  bytes.set(body, head.length);
  return bytes;
}

/** The body is a view of `bytes`. Throws NamedError LINK_FRAME_UNREADABLE. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const numbers = [0, 0, 0, 0, 0, 0, 0];
  let method = "";
  let body = NO_BODY;
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 2 ** 63) throw unreadable();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw unreadable();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const shape = tag % 8;
    if (shape === 0) {
      const value = varint();
      if (field < numbers.length) numbers[field] = value;
    } else if (shape === 2) {
      const part = take(varint());
      if (field === 3) method = Buffer.from(part.buffer, part.byteOffset, part.length).toString("utf8");
      else if (field === 4) body = part;
    } else if (shape === 1) take(8);
    else if (shape === 5) take(4);
    else throw unreadable();
  }
  const [, kind = 0, call = 0, , , more = 0, credit = 0] = numbers;
  return { kind, call, method, body, more: more !== 0, credit };
}

function putNumber(bytes: number[], field: number, value: number): void {
  if (value === 0) return;
  bytes.push(field << 3);
  putVarint(bytes, value);
}

function putVarint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
}

function unreadable(): NamedError {
  return new NamedError("LINK_FRAME_UNREADABLE", "Cannot read a frame of the node link: it is not one of this protocol", {
    statusCode: 400,
  });
}
