/**
 * The log keeper: the process that reads what tasks print and writes it into rotated files. One per node, detached; agents come
 * and go. It holds every pipe open for reading and writing, so no task ever sees EPIPE or the end of its output.
 *
 * What is read is written in the same breath (synchronously, O_APPEND). Killed, it leaves everything it has not yet taken in the
 * pipes; only a kill that falls between one read and its write costs that piece, 64 KiB at the most. It knows its registrations from disk, so a restarted keeper goes on where the last one was killed.
 *
 * It ends by itself when no agent is connected and nothing is registered. It imports little on purpose: it must be small.
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import path from "node:path";
import { keeperPlaces, registryFile, type KeeperPlaces } from "./places.ts";
import { KEEPER_VERSION, lineSplitter, type KeeperAnswer, type KeeperCall, type KeeperRequest, type Registration } from "./protocol.ts";
import { openRotatedFile, type RotatedFile } from "./rotated-file.ts";

/** How long a keeper without work and agent stays. */
const LINGER_MS = 5000;
const READ_BYTES = 64 * 1024;
/** A pipe holds at most this much (/proc/sys/fs/pipe-max-size by default). */
const PIPE_BYTES_MAX = 1024 * 1024;

interface Stream {
  drain(): void;
  close(): void;
  limit(limits: { readonly maxFiles: number; readonly maxFileBytes: number }): void;
}

interface Kept {
  registration: Registration;
  readonly streams: readonly Stream[];
}

export async function runLogKeeper(stateDirectory: string): Promise<void> {
  const places = keeperPlaces(stateDirectory);
  for (const directory of [places.directory, places.registry, places.pipes]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  // One buffer for all pipes: what is in it is written before the next read can begin.
  const buffer = Buffer.alloc(READ_BYTES);
  const kept = new Map<string, Kept>();
  const agents = new Set<net.Socket>();
  let ending: NodeJS.Timeout | undefined;

  function keep(registration: Registration): void {
    const known = kept.get(registration.id);
    if (known !== undefined) {
      known.registration = registration;
      for (const stream of known.streams) stream.limit(registration);
    } else {
      kept.set(registration.id, { registration, streams: openStreams(registration, buffer) });
    }
  }

  function perform(body: KeeperCall): Partial<KeeperAnswer> {
    switch (body.call) {
      case "hello":
        return { version: KEEPER_VERSION };
      case "open":
        writeRegistration(places, body.registration);
        keep(body.registration);
        return {};
      case "drain":
        for (const stream of kept.get(body.id)?.streams ?? []) stream.drain();
        return {};
      case "close":
        for (const stream of kept.get(body.id)?.streams ?? []) {
          stream.drain();
          stream.close();
        }
        forget(places, kept.get(body.id)?.registration, body.id);
        kept.delete(body.id);
        return {};
      case "list":
        return { ids: [...kept.keys()] };
      case "leave":
        for (const each of kept.values()) for (const stream of each.streams) stream.drain();
        setImmediate(end);
        return {};
      default:
        return body satisfies never;
    }
  }

  function considerEnding(): void {
    clearTimeout(ending);
    if (agents.size > 0 || kept.size > 0) return;
    ending = setTimeout(end, LINGER_MS);
  }

  function end(): void {
    rmSync(path.join(places.directory, places.socketName), { force: true });
    process.exit(0);
  }

  for (const registration of readRegistrations(places)) {
    try {
      keep(registration);
    } catch {
      // Its pipes or its directory are gone: nothing can come out of it any more.
    }
  }
  await listen(places, (socket) => {
    agents.add(socket);
    clearTimeout(ending);
    socket.setEncoding("utf8");
    socket.on(
      "data",
      lineSplitter((line) => {
        const request = JSON.parse(line) as KeeperRequest;
        let answer: KeeperAnswer;
        try {
          answer = { number: request.number, error: "", ...perform(request.body) };
        } catch (error) {
          answer = { number: request.number, error: (error as Error).message };
        }
        socket.write(`${JSON.stringify(answer)}\n`);
      }),
    );
    socket.on("error", () => {});
    socket.on("close", () => {
      agents.delete(socket);
      considerEnding();
    });
  });
  considerEnding();
}

function openStreams(registration: Registration, buffer: Buffer): Stream[] {
  const directory = openLogDirectory(registration.directory);
  try {
    const stdout = openStream(
      registration.stdoutPath,
      openRotatedFile(directory.handle, `${registration.task}.stdout`, registration),
      buffer,
    );
    const stderr = openStream(
      registration.stderrPath,
      openRotatedFile(directory.handle, `${registration.task}.stderr`, registration),
      buffer,
    );
    return [
      stdout,
      {
        ...stderr,
        close() {
          stderr.close();
          directory.close();
        },
      },
    ];
  } catch (error) {
    directory.close();
    throw error;
  }
}

/** `<allocation>` is ours; `alloc/logs` below it may have been swapped for links by a task, so they are opened one by one. */
function openLogDirectory(directory: string): { readonly handle: string; close(): void } {
  if (process.platform !== "linux") return { handle: directory, close() {} };
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  let fd = openSync(path.dirname(path.dirname(directory)), flags);
  for (const name of [path.basename(path.dirname(directory)), path.basename(directory)]) {
    try {
      const next = openSync(`/proc/self/fd/${fd}/${name}`, flags | constants.O_NOFOLLOW);
      closeSync(fd);
      fd = next;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }
  return {
    handle: `/proc/self/fd/${fd}`,
    close() {
      closeSync(fd);
    },
  };
}

function openStream(pipe: string, file: RotatedFile, buffer: Buffer): Stream {
  // Read-write: with ourselves as a writer there is no end of file, and opening does not wait for the task.
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  if (!fstatSync(fd).isFIFO()) {
    closeSync(fd);
    throw new Error(`"${pipe}" is not a pipe`);
  }
  const options = {
    fd,
    readable: true,
    writable: false,
    onread: {
      buffer,
      callback(count: number): boolean {
        file.write(buffer.subarray(0, count));
        return true;
      },
    },
  };
  const socket = new net.Socket(options as net.SocketConstructorOpts);
  socket.on("error", () => {});
  socket.resume();
  return {
    drain() {
      for (let taken = 0; taken < PIPE_BYTES_MAX;) {
        const count = readNow(fd, buffer);
        if (count === 0) return;
        file.write(buffer.subarray(0, count));
        taken += count;
      }
    },
    close() {
      socket.destroy();
      file.close();
    },
    limit(limits) {
      file.limit(limits);
    },
  };
}

/** 0 when there is nothing now. */
function readNow(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

function writeRegistration(places: KeeperPlaces, registration: Registration): void {
  const file = registryFile(places, registration.id);
  writeFileSync(`${file}.new`, JSON.stringify(registration), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function readRegistrations(places: KeeperPlaces): Registration[] {
  return readdirSync(places.registry)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      try {
        return [JSON.parse(readFileSync(path.join(places.registry, name), "utf8")) as Registration];
      } catch {
        return [];
      }
    });
}

function forget(places: KeeperPlaces, registration: Registration | undefined, id: string): void {
  if (registration !== undefined) for (const pipe of [registration.stdoutPath, registration.stderrPath]) rmSync(pipe, { force: true });
  rmSync(registryFile(places, id), { force: true });
}

function listen(places: KeeperPlaces, accept: (socket: net.Socket) => void): Promise<void> {
  const address = socketAddress(places);
  return new Promise((resolve, reject) => {
    const server = net.createServer(accept);
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") return reject(error);
      // Somebody was here before: if it still answers we are one too many, else its socket is only a file.
      const probe = net.connect(address);
      probe.on("connect", () => {
        process.exit(0);
      });
      probe.on("error", () => {
        unlinkSync(path.join(places.directory, places.socketName));
        server.listen(address, resolve);
      });
    });
    server.listen(address, resolve);
  });
}

/** Names of sockets may have 107 bytes; state directories can be longer, so on Linux it is named by an open directory. */
export function socketAddress(places: KeeperPlaces): string {
  const full = path.join(places.directory, places.socketName);
  if (Buffer.byteLength(full) < 100 || process.platform !== "linux") return full;
  // Stays open as long as this process: there is one.
  return `/proc/self/fd/${openSync(places.directory, constants.O_RDONLY | constants.O_DIRECTORY)}/${places.socketName}`;
}
