/** The sockets: several addresses, all or none; a bound on connections per client; an end that waits for no one. */
import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { chmod, lstat, unlink } from "node:fs/promises";
import { messageOf, NamedError } from "#std";
import type { Upgrades } from "./exec/upgrade.ts";
import type { ListenAddress } from "./facts.ts";

export interface Listeners {
  readonly addresses: readonly ListenAddress[];
  readonly loopbackOnly: boolean;
  /** Rejects with NamedError API_LISTEN_FAILED; nothing stays open then. */
  open(addresses: readonly ListenAddress[]): Promise<readonly ListenAddress[]>;
  /** HTTP is spoken on it. */
  connect(connection: Duplex): void;
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 75_000;
/** To send a request's head. Bodies and answers have no limit: blocking queries and streams last. */
const HEAD_TIMEOUT_MS = 20_000;
const TOO_MANY =
  "HTTP/1.1 429 Too Many Requests\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\nYour IP is issuing too many concurrent connections, please rate limit your calls\n";
/** What is no request, by node's code for it. */
const UNREADABLE: Readonly<Record<string, readonly [status: string, why: string]>> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "its address and headers have more than 16 KB"],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "its head did not come in time"],
};
const NOT_HTTP = ["400 Bad Request", "it is not HTTP"] as const;

export function createListeners(how: {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrades: Pick<Upgrades, "wanted" | "handle">;
  readonly connectionsPerClientMax: number;
}): Listeners {
  let servers: { readonly server: Server; readonly address: ListenAddress }[] = [];
  const countOf = new Map<string, number>();

  function admit(socket: Socket): void {
    const client = socket.remoteAddress;
    if (client === undefined || how.connectionsPerClientMax <= 0) return;
    const count = (countOf.get(client) ?? 0) + 1;
    if (count > how.connectionsPerClientMax) {
      socket.on("error", () => undefined);
      socket.end(TOO_MANY);
      return;
    }
    countOf.set(client, count);
    socket.once("close", () => {
      const left = (countOf.get(client) ?? 1) - 1;
      if (left > 0) countOf.set(client, left);
      else countOf.delete(client);
    });
  }

  function createServer(): Server {
    const limits = { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEAD_TIMEOUT_MS, requestTimeout: 0 };
    const server = http.createServer({ ...limits, shouldUpgradeCallback: how.upgrades.wanted }, how.handle);
    server.on("upgrade", how.upgrades.handle);
    server.on("connection", admit);
    server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      if (!socket.writable) return void socket.destroy();
      const [status, why] = UNREADABLE[error.code ?? ""] ?? NOT_HTTP;
      const head = `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close`;
      socket.end(`${head}\r\n\r\nCannot read request: ${why}\n`);
    });
    return server;
  }

  /** Listens nowhere: what comes over the servers' own link is plain inside, whatever is spoken at the door. */
  let inside: Server | undefined;
  const tunnels = new Set<Duplex>();

  async function close(): Promise<void> {
    const closed = servers.map(
      ({ server }) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    servers = [];
    for (const each of tunnels) each.destroy();
    await Promise.all(closed);
  }

  return {
    get addresses() {
      return servers.map(({ address }) => address);
    },
    get loopbackOnly() {
      return servers.every(({ address }) => "path" in address || isLoopback(address.host));
    },
    async open(addresses) {
      try {
        for (const address of addresses) {
          const server = createServer();
          servers.push({ server, address: await listenOn(server, address) });
        }
      } catch (error) {
        await close();
        throw error;
      }
      return servers.map(({ address }) => address);
    },
    connect(connection) {
      inside ??= createServer();
      tunnels.add(connection);
      connection.once("close", () => tunnels.delete(connection));
      inside.emit("connection", connection);
    },
    close,
  };
}

async function listenOn(server: Server, address: ListenAddress): Promise<ListenAddress> {
  if ("path" in address) await removeLeftSocket(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenFailed(address, error)));
    server.listen("path" in address ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
  // Whoever can open the socket can run programs.
  if ("path" in address) await chmod(address.path, 0o600);
  const bound = server.address();
  return "path" in address || bound === null || typeof bound === "string" ? address : { host: address.host, port: bound.port };
}

/** A socket file left by a killed agent would refuse the next one. Anything but an unused socket is left alone. */
async function removeLeftSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() !== true) return;
  const inUse = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (!inUse) await unlink(path).catch(() => undefined);
}

function listenFailed(address: ListenAddress, error: NodeJS.ErrnoException): NamedError {
  const shown = "path" in address ? address.path : `${address.host}:${address.port}`;
  const why =
    error.code === "EADDRINUSE"
      ? "path" in address
        ? "the socket is already in use"
        : "the port is already in use"
      : error.code === "EACCES"
        ? "no permission"
        : error.code === "EADDRNOTAVAIL"
          ? "this machine has no such address"
          : messageOf(error);
  return new NamedError("API_LISTEN_FAILED", `Cannot listen for HTTP on "${shown}": ${why}`, {
    fix: error.code === "EADDRINUSE" ? "Stop the other program, or set ports { http = … }." : "Set bind_addr or addresses { http = … }.",
    cause: error,
  });
}

export function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  return isIP(host) === 4 ? host.startsWith("127.") : host === "::1";
}
