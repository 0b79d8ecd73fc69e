/**
 * A dispatched job's payload as Nomad keeps it: compressed with snappy. Where one job or one allocation is read Nomad unpacks it again; lists
 * of versions, a node's allocations and events carry it packed, and so do these. nomad.md §1 (Payload), §7 "Dispatch".
 */
import type { Event, Job } from "#model";

/** `payload`: base64, of plain bytes. The answer: base64, of a snappy block that leaves the bytes as they are, which any decoder reads. */
export function packedPayload(payload: string): string {
  const bytes = Buffer.from(payload, "base64");
  const literal = bytes.length === 0 ? [] : [literalTag(bytes.length), bytes];
  return Buffer.concat([varint(bytes.length), ...literal]).toString("base64");
}

export function withPackedPayload(job: Job): Job {
  return job.Payload === null || job.Payload === "" ? job : { ...job, Payload: packedPayload(job.Payload) };
}

/** Events that carry jobs. */
export function packedEvents(events: readonly Event[]): readonly Event[] {
  if (!events.some(carriesPayload)) return events;
  return events.map((event) =>
    carriesPayload(event) ? { ...event, Payload: { ...event.Payload, Job: withPackedPayload(event.Payload["Job"] as Job) } } : event,
  );
}

function carriesPayload({ Payload }: Event): boolean {
  const job = Payload["Job"] as Partial<Job> | undefined;
  return (job?.Payload ?? "") !== "";
}

/** Seven bits a byte, the lowest first. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Buffer.from([...bytes, rest]);
}

/** "So many bytes follow as they are": up to 60 of them in the tag itself, else in the one to four bytes behind it. */
function literalTag(length: number): Buffer {
  const last = length - 1;
  if (last < 60) return Buffer.from([last * 4]);
  const size = last < 0x100 ? 1 : last < 0x1_0000 ? 2 : last < 0x100_0000 ? 3 : 4;
  const tag = Buffer.alloc(1 + size, (59 + size) * 4);
  tag.writeUIntLE(last, 1, size);
  return tag;
}
