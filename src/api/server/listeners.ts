/** The sockets: several addresses, all or none; HTTPS where there is TLS; a bound on connections per client; an end that waits for no one. */
import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Server as SecureServer } from "node:https";
import { connect, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { chmod, lstat, unlink } from "node:fs/promises";
import { messageOf, NamedError } from "#std";
import type { Upgrades } from "./exec/upgrade.ts";
import type { ListenAddress } from "./facts.ts";
import { headLimits, limitExchange, limitHeadsOfHanded, PATIENCE, type Patience } from "./patience.ts";
import { createSecureServer, endOf, renewSecureServer, unfit, type ServingTls } from "./secure-server.ts";

export interface Listeners {
  readonly addresses: readonly ListenAddress[];
  readonly loopbackOnly: boolean;
  /** Rejects with NamedError API_LISTEN_FAILED; nothing stays open then. */
  open(addresses: readonly ListenAddress[]): Promise<readonly ListenAddress[]>;
  /** HTTP is spoken on it. */
  connect(connection: Duplex): void;
  /** New connections are served with it from now on. Throws NamedError API_TLS_UNFIT; nothing changes then. */
  renew(tls: ServingTls): void;
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 75_000;
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
  /** HTTPS on addresses with a port; unix sockets are nobody else's. */
  readonly tls: ServingTls | null;
  readonly patience?: Patience;
}): Listeners {
  const patience = how.patience ?? PATIENCE;
  const handlePatiently = (request: IncomingMessage, response: ServerResponse): void => {
    limitExchange(request, response, patience);
    how.handle(request, response);
  };
  let servers: { readonly server: Server | SecureServer; readonly address: ListenAddress }[] = [];
  let tls = how.tls;
  const countOf = new Map<string, number>();

  function admit(socket: Socket, most: number, refuse: () => void): void {
    const client = socket.remoteAddress;
    if (client === undefined || most <= 0) return;
    const count = (countOf.get(client) ?? 0) + 1;
    if (count > most) {
      socket.on("error", () => undefined);
      refuse();
      return;
    }
    countOf.set(client, count);
    socket.once("close", () => {
      const left = (countOf.get(client) ?? 1) - 1;
      if (left > 0) countOf.set(client, left);
      else countOf.delete(client);
    });
  }

  const options = {
    keepAliveTimeout: KEEP_ALIVE_MS,
    ...headLimits(patience),
    shouldUpgradeCallback: how.upgrades.wanted,
  };

  function createPlain(): Server {
    const server = http.createServer(options, handlePatiently);
    server.on("connection", (socket: Socket) => admit(socket, how.connectionsPerClientMax, () => socket.end(TOO_MANY)));
    return answering(server);
  }

  function createSecure(serving: ServingTls): SecureServer {
    const most = how.connectionsPerClientMax;
    // Those too many are told so after their handshake; beyond as many again that would cost what is to be saved.
    const tooMany = new Set<string>();
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      if (!tooMany.has(endOf(request.socket))) return handlePatiently(request, response);
      response.writeHead(429, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(TOO_MANY.split("\r\n\r\n")[1]);
    };
    let server: SecureServer;
    try {
      server = createSecureServer(serving, options, handle);
    } catch (thrown) {
      throw unfit(thrown);
    }
    server.prependListener("connection", (socket: Socket) => {
      admit(socket, most * 2, () => socket.destroy());
      if (most <= 0 || socket.destroyed || (countOf.get(socket.remoteAddress ?? "") ?? 0) <= most) return;
      const end = endOf(socket);
      tooMany.add(end);
      socket.once("close", () => tooMany.delete(end));
    });
    return answering(server);
  }

  function answering<S extends Server | SecureServer>(server: S): S {
    server.on("upgrade", how.upgrades.handle);
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
    inside?.close();
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
          const server = tls === null || "path" in address ? createPlain() : createSecure(tls);
          servers.push({ server, address: await listenOn(server, address) });
        }
      } catch (error) {
        await close();
        throw error;
      }
      return servers.map(({ address }) => address);
    },
    connect(connection) {
      inside ??= limitHeadsOfHanded(createPlain());
      tunnels.add(connection);
      connection.once("close", () => tunnels.delete(connection));
      inside.emit("connection", connection);
    },
    renew(next) {
      if (tls === null) throw unfit(new Error("it was not asked for when the agent started; restart it"));
      for (const { server } of servers) if (server instanceof SecureServer) renewSecureServer(server, next);
      tls = next;
    },
    close,
  };
}

async function listenOn(server: Server | SecureServer, address: ListenAddress): Promise<ListenAddress> {
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
