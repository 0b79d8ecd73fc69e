/** Docker's multiplexed streams: eight bytes of header (stream, three zeros, length) before each piece. Pure. */

export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly data: Buffer;
}

export interface FrameReader {
  /** The frames that are whole now. */
  push(chunk: Buffer): Frame[];
}

const HEADER_BYTES = 8;

export function frameReader(): FrameReader {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const frames: Frame[] = [];
      while (rest.length >= HEADER_BYTES) {
        const length = rest.readUInt32BE(4);
        if (rest.length < HEADER_BYTES + length) break;
        // 0 is stdin, never sent to us; whatever is not stderr is stdout.
        frames.push({ stream: rest[0] === 2 ? "stderr" : "stdout", data: rest.subarray(HEADER_BYTES, HEADER_BYTES + length) });
        rest = rest.subarray(HEADER_BYTES + length);
      }
      return frames;
    },
  };
}

/** With a terminal there are no frames: all is stdout; a piece is a line (or the end of what came). */
export function lineReader(): FrameReader {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const frames: Frame[] = [];
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        frames.push({ stream: "stdout", data: rest.subarray(0, end + 1) });
        rest = rest.subarray(end + 1);
      }
      return frames;
    },
  };
}
