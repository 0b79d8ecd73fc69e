/** A container's output as docker's API tells it: for logs that are not files of this machine. Docker names each message by its time. */
import type { Daemon } from "./daemon.ts";
import type { Outlet, Queued } from "./log-outlet.ts";
import { advanced, readMessage, remaining, sinceOf, type FollowedPosition, type StreamPosition } from "./log-position.ts";
import { frameReader, lineReader } from "./stream-frames.ts";

export interface ApiReading {
  readonly daemon: Daemon;
  readonly container: string;
  readonly tty: boolean;
}

/** All there is now, from where we are; with `follow` also what comes, until the container ends. */
export async function readFromApi(
  request: ApiReading,
  outlet: Outlet<FollowedPosition>,
  follow: boolean,
  signal: AbortSignal,
): Promise<void> {
  const container = request.daemon.docker.getContainer(request.container);
  const { stdout, stderr } = outlet.position;
  const options = { stdout: true, stderr: true, timestamps: true, since: sinceOf({ stdout, stderr }) as unknown as number };
  const stream = follow
    ? ((await container.logs({ ...options, follow: true })) as unknown as AsyncIterable<Buffer> & { destroy(): void })
    : oneChunk(await container.logs({ ...options, follow: false }));
  const stop = () => {
    stream.destroy();
  };
  signal.addEventListener("abort", stop, { once: true });
  const fresh = { stdout: remaining(stdout), stderr: remaining(stderr) };
  const reader = request.tty ? lineReader() : frameReader();
  try {
    for await (const chunk of stream) {
      const batch: (Queued & { readonly next: StreamPosition })[] = [];
      for (const frame of reader.push(chunk)) {
        const message = readMessage(frame.data);
        const data = message === undefined ? undefined : fresh[frame.stream](message);
        if (message === undefined || data === undefined) continue;
        const before = outlet.position[frame.stream];
        const at = batch.findLast((each) => each.stream === frame.stream)?.next ?? before;
        const reached = (bytes: number) => {
          const after = advanced(at, message.time, bytes, bytes === data.length);
          outlet.position = { ...outlet.position, [frame.stream]: after };
        };
        batch.push({ stream: frame.stream, data, reached, next: advanced(at, message.time, data.length, true) });
      }
      await outlet.write(batch, signal);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stream.destroy();
  }
}

function oneChunk(data: Buffer): AsyncIterable<Buffer> & { destroy(): void } {
  return {
    async *[Symbol.asyncIterator]() {
      if (Buffer.isBuffer(data)) yield data;
    },
    destroy() {},
  };
}
