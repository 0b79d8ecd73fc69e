/**
 * The running API on further unix sockets, one in the secrets directory of each task (ports/task-sockets). nomad.md §2.1, §2.5.
 *
 *   connection ─► token? ─► verified? ─► the same routes as everywhere
 *                   │           └─ no ──► 403 Permission denied, whatever the path
 *                   └─ no ──────────────► 401 (nomad.md §3.1)
 *
 * The directory is the task's, and the task may be hostile and already running (the agent was restarted): the socket is bound, given away and
 * its mode set inside a directory of our own that the task cannot enter, then moved to its place in one step (F59). All of it through
 * directories held open: the kernel takes 107 bytes for a socket's path, and a data directory may be deeper than that.
 */
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import http, { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import type { Duplex } from "node:stream";
import type { TaskSocket, TaskSockets } from "#ports";
import { messageOf, NamedError } from "#std";
import type { Upgrades } from "./exec/upgrade.ts";
import { headLimits, limitExchange, limitHeadsOfHanded, PATIENCE, type Patience } from "./patience.ts";
import { tokenOf } from "./token.ts";

const CONNECTIONS_MAX = 64;
const KEEP_ALIVE_MS = 75_000;
/** Where there is no /proc to go round it by. */
const PATH_BYTES_MAX = 103;
/** How a request is turned away. */
const REFUSALS = { 401: "Missing token: it is in NOMAD_TOKEN, or in a file of the secrets directory", 403: "Permission denied" } as const;
type Refusal = keyof typeof REFUSALS;

export interface ApiTaskSockets extends TaskSockets {
  /** All of them. */
  close(): Promise<void>;
}

export function createTaskSockets(how: {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrades: Pick<Upgrades, "wanted" | "handle">;
  /** Rejects or answers false: refused. */
  readonly mayPass: (token: string) => Promise<boolean>;
  readonly patience?: Patience;
}): ApiTaskSockets {
  const patience = how.patience ?? PATIENCE;
  const open = new Map<string, TaskSocket>();
  const refusalOf = async (request: IncomingMessage): Promise<Refusal | undefined> => {
    const token = tokenOf(request.headers);
    if (token === "") return 401;
    return (await how.mayPass(token).catch(() => false)) ? undefined : 403;
  };
  // It listens on nothing itself: it is handed the connections of all sockets.
  const web = limitHeadsOfHanded(
    http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS, ...headLimits(patience), shouldUpgradeCallback: how.upgrades.wanted }),
  );
  web.on("request", (request: IncomingMessage, response: ServerResponse) => {
    // No page in a browser gets here, so a client may call us by any name (origin.ts).
    request.headers.host = "localhost";
    limitExchange(request, response, patience);
    void refusalOf(request).then((refusal) => (refusal === undefined ? how.handle(request, response) : deny(response, refusal)));
  });
  web.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    void refusalOf(request).then((refusal) =>
      refusal === undefined ? how.upgrades.handle(request, socket, head) : denyPlainly(socket, refusal),
    );
  });
  web.on("clientError", (_error, socket) => socket.destroy());

  return {
    async open(path, owner) {
      await open.get(path)?.close();
      const connections = new Set<Socket>();
      const server = createServer((connection) => {
        connections.add(connection);
        connection.once("close", () => connections.delete(connection));
        web.emit("connection", connection);
      });
      server.maxConnections = CONNECTIONS_MAX;
      await bind(server, path, owner);
      const socket: TaskSocket = {
        async close() {
          const current = open.get(path) === socket;
          if (current) open.delete(path);
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          for (const connection of connections) connection.destroy();
          if (current) removeFile(path);
          await closed;
        },
      };
      open.set(path, socket);
      return socket;
    },
    async close() {
      await Promise.all([...open.values()].map((socket) => socket.close()));
      web.close();
    },
  };
}

function deny(response: ServerResponse, status: Refusal): void {
  const text = REFUSALS[status];
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "content-length": String(text.length), connection: "close" });
  response.end(text);
}

function denyPlainly(socket: Duplex, status: Refusal): void {
  const text = REFUSALS[status];
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`);
}

type Owner = { readonly uid: number; readonly gid: number };

async function bind(server: Server, path: string, owner: Owner | undefined): Promise<void> {
  try {
    await (process.platform === "linux" ? bindAside(server, path, owner) : bindInPlace(server, path, owner));
  } catch (thrown) {
    server.close();
    if (thrown instanceof NamedError) throw thrown;
    throw new NamedError("API_LISTEN_FAILED", `Cannot listen on the task's socket "${path}": ${messageOf(thrown)}`, { cause: thrown });
  }
}

async function bindAside(server: Server, path: string, owner: Owner | undefined): Promise<void> {
  const held: number[] = [];
  const hold = (directory: string): string => {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    held.push(fd);
    return `/proc/self/fd/${fd}`;
  };
  try {
    const place = hold(dirname(path));
    const { uid, gid } = owner ?? fstatSync(held[0] as number);
    // A name nobody else has: closing a server removes the path it was bound to, through whatever has this number then.
    const name = `.api-${randomUUID().slice(0, 13)}`;
    mkdirSync(`${place}/${name}`, { mode: 0o700 });
    try {
      const aside = hold(`${place}/${name}`);
      const made = fstatSync(held[1] as number);
      if (made.uid !== process.geteuid?.() || (made.mode & 0o077) !== 0) throw new Error("its directory was replaced meanwhile");
      try {
        await listen(server, `${aside}/${name}`);
        chmodSync(`${aside}/${name}`, 0o600);
        if (made.uid === 0) chownSync(`${aside}/${name}`, uid, gid);
        renameSync(`${aside}/${name}`, `${place}/${basename(path)}`);
      } finally {
        removeFile(`${aside}/${name}`);
      }
    } finally {
      removeEmpty(`${place}/${name}`);
    }
  } finally {
    for (const fd of held) closeSync(fd);
  }
}

async function bindInPlace(server: Server, path: string, owner: Owner | undefined): Promise<void> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new NamedError(
      "API_LISTEN_FAILED",
      `Cannot listen on the task's socket "${path}": its path is longer than ${PATH_BYTES_MAX} bytes`,
      {
        fix: "Choose a shorter data_dir.",
      },
    );
  }
  rmSync(path, { force: true });
  await listen(server, path);
  chmodSync(path, 0o600);
  if (owner !== undefined && process.geteuid?.() === 0) chownSync(path, owner.uid, owner.gid);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.off("error", reject);
      // A connection that breaks while it is taken is nobody's trouble.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // The task moved it away, or put something into its place: it goes with the secrets.
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already.
  }
}
