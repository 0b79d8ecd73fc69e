/**
 * HTTPS. The first byte says what somebody speaks: TLS goes on to its handshake, which has a time limit; HTTP in the clear is told so.
 *
 *   connection ──► first byte? ── 0x16 ──► handshake ──► requests
 *                     ├─ another ────────► 400, in the clear
 *                     └─ none in time ───► closed
 */
import https, { type Server as SecureServer } from "node:https";
import type { IncomingMessage, RequestListener, ServerOptions } from "node:http";
import type { Socket } from "node:net";
import { messageOf, NamedError } from "#std";

/** tls { http = true }: what HTTPS is served with. PEM, read by the agent. */
export interface ServingTls {
  /** The agent's own first, then those between it and its authority. */
  readonly certificate: string;
  readonly key: string;
  /** Whoever calls must show a certificate of one of them; null: nobody is asked. tls.verify_https_client */
  readonly clientAuthorities: string | null;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** OpenSSL's names, colon between; "": the default ones. */
  readonly ciphers: string;
  /** limits.https_handshake_timeout; 0: no limit. */
  readonly handshakeTimeoutMs: number;
}

const HANDSHAKE = 0x16;
const NOT_SECURE =
  "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/** As good as none, for a timer. */
const NO_LIMIT_MS = 2 ** 31 - 1;

export function createSecureServer(tls: ServingTls, options: ServerOptions<typeof IncomingMessage>, handle: RequestListener): SecureServer {
  const handshakeTimeoutMs = tls.handshakeTimeoutMs > 0 ? tls.handshakeTimeoutMs : NO_LIMIT_MS;
  const server = https.createServer(
    { ...options, ...contextOf(tls), requestCert: tls.clientAuthorities !== null, rejectUnauthorized: true },
    handle,
  );
  const handshakes = server.listeners("connection") as ((this: SecureServer, socket: Socket) => void)[];
  server.removeAllListeners("connection");
  /** Those that have not shown yet what they are, by their end of the connection: the socket of TLS is another object. */
  const waiting = new Map<string, Socket>();
  const greeted = (socket: Socket) => void waiting.get(endOf(socket))?.emit("greeted");
  server.prependListener("secureConnection", greeted);
  server.on("connection", (socket: Socket) => {
    // A connection that was refused already is only being told so.
    if (!socket.writable || socket.writableEnded) return;
    const end = endOf(socket);
    const giveUp = setTimeout(() => socket.destroy(), handshakeTimeoutMs);
    const leave = () => {
      clearTimeout(giveUp);
      waiting.delete(end);
    };
    waiting.set(end, socket);
    socket.on("error", () => undefined);
    socket.once("close", leave);
    socket.once("greeted", leave);
    socket.once("readable", () => {
      const first = socket.read() as Buffer | null;
      if (first === null) return void socket.destroy();
      if (first[0] !== HANDSHAKE) return void socket.end(NOT_SECURE, () => socket.destroySoon());
      socket.unshift(first);
      for (const handshake of handshakes) handshake.call(server, socket);
    });
  });
  // Those are no connections of the server's yet.
  const closeAllConnections = server.closeAllConnections.bind(server);
  server.closeAllConnections = () => {
    for (const socket of waiting.values()) socket.destroy();
    closeAllConnections();
  };
  return server;
}

/** Of a connection: the same for the socket below and the one that speaks TLS. */
export const endOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;

/** New handshakes show the new certificate; connections that are open stay. Throws NamedError API_TLS_UNFIT, and nothing changes. */
export function renewSecureServer(server: SecureServer, tls: ServingTls): void {
  const context = contextOf(tls);
  try {
    server.setSecureContext(context);
  } catch (thrown) {
    throw unfit(thrown);
  }
}

export function unfit(thrown: unknown): NamedError {
  return new NamedError("API_TLS_UNFIT", `Cannot serve HTTPS: ${messageOf(thrown)}`, {
    fix: "tls { cert_file, key_file, ca_file } must hold PEM: a certificate, its own key, and its authority.",
    cause: thrown,
  });
}

function contextOf(tls: ServingTls) {
  return {
    cert: tls.certificate,
    key: tls.key,
    minVersion: tls.minVersion,
    ...(tls.clientAuthorities === null ? {} : { ca: tls.clientAuthorities }),
    ...(tls.ciphers === "" ? {} : { ciphers: tls.ciphers }),
  };
}
