/**
 * How far a task's output was handed on. Pure. Docker names each message of a stream by its time; several may share one (the pieces
 * of a long line), so a position is a time, how many messages of that time are done, and how many bytes of the next.
 */

export interface StreamPosition {
  /** As docker writes it, nanoseconds and all; "" before the first message. */
  readonly time: string;
  /** Whole messages of that time. */
  readonly count: number;
  /** Of the message after those. */
  readonly bytes: number;
}

export interface LogPosition {
  readonly stdout: StreamPosition;
  readonly stderr: StreamPosition;
}

export interface FilePosition {
  /** The file's number; a number may be given again, so the last line is looked at too. */
  readonly inode: number;
  /** Of the first line that is not wholly done. */
  readonly offset: number;
  /** Of that line's text, already handed on. */
  readonly bytes: number;
  /** Length and time of the line before. */
  readonly before: { readonly length: number; readonly time: string };
}

export interface FollowedPosition extends LogPosition {
  /** Once its files were read, they are read to the end. */
  readonly file?: FilePosition;
}

export interface LogMessage {
  readonly time: string;
  readonly data: Buffer;
}

const BEGIN: StreamPosition = { time: "", count: 0, bytes: 0 };
export const LOG_BEGIN: LogPosition = { stdout: BEGIN, stderr: BEGIN };

/** "2026-01-02T03:04:05.000000006Z text" → both; undefined for what has no time. */
export function readMessage(data: Buffer): LogMessage | undefined {
  const space = data.indexOf(32);
  if (space < 20 || space > 40) return undefined;
  const time = data.toString("latin1", 0, space);
  return Number.isNaN(Date.parse(time)) ? undefined : { time, data: data.subarray(space + 1) };
}

/** From when docker is asked to tell again: seconds and nanoseconds; "0" for everything. */
export function sinceOf(position: LogPosition): string {
  const times = [position.stdout.time, position.stderr.time].filter((time) => time !== "").toSorted();
  const [first] = times;
  // A stream that has said nothing yet may have an older message waiting.
  if (first === undefined || times.length < 2) return "0";
  const seconds = Math.floor(Date.parse(first) / 1000);
  const fraction = /\.(\d+)/.exec(first)?.[1] ?? "0";
  return `${seconds}.${fraction.padEnd(9, "0")}`;
}

/** Leaves out what was handed on before. One for each time docker is asked. */
export function remaining(position: StreamPosition): (message: LogMessage) => Buffer | undefined {
  let seen = 0;
  let past = position.time === "";
  return ({ time, data }) => {
    if (past) return data;
    if (time < position.time) return undefined;
    if (time === position.time) {
      seen++;
      if (seen <= position.count) return undefined;
      past = true;
      return data.subarray(position.bytes);
    }
    past = true;
    return data;
  };
}

/** After `bytes` more of this message; `whole` when these were its last. */
export function advanced(position: StreamPosition, time: string, bytes: number, whole: boolean): StreamPosition {
  const same = position.time === time;
  if (whole) return { time, count: (same ? position.count : 0) + 1, bytes: 0 };
  return { time, count: same ? position.count : 0, bytes: (same ? position.bytes : 0) + bytes };
}
