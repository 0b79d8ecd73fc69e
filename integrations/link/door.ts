/**
 * The port itself: who comes is counted, looked at, and led to the room where it is spoken to.
 *
 *   accept ─► too many from there? ─► first byte ─┬─ 0x16 ─► TLS ─► whose certificate? ─┬─► inside(socket)
 *                                                  │                                     └─► turnedAway(socket, why)
 *                                                  └─ other ─► plain: inside(socket), or turnedAway where TLS is demanded
 *
 * Who is turned away is still told why, in the protocol it speaks. First byte and handshake have a time limit; sessions are never resumed,
 * so that a new CA counts at once.
 */
import { constants, X509Certificate } from "node:crypto";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { CertificateObjection } from "#model";
import { messageOf, NamedError } from "#std";
import { contextOf, contextOptions, type LinkTls, NO_CERTIFICATE, trustObjection } from "./certificates.ts";
import { seldom, type SeldomReport } from "./seldom.ts";
import type { LinkReport } from "./service.ts";

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: LinkTls;
  /** Plain connections are taken as well as TLS. */
  readonly upgradeMode: boolean;
  /** 0: any number. */
  readonly connectionsPerClientMax: number;
  readonly handshakeTimeoutMs: number;
  readonly report: LinkReport;
  readonly inside: (socket: Socket) => void;
  /** `socket` is closed soon after. */
  readonly turnedAway: (socket: Socket, why: CertificateObjection) => void;
}

export interface Door {
  readonly port: number;
  /** For who comes from now on; undefined: TLS is off. Throws LINK_TLS_INVALID, and nothing has changed. */
  reload(tls: LinkTls | undefined, upgradeMode: boolean): void;
  /** Nobody comes in any more. */
  shut(): void;
  /** Whoever is in is out. */
  clear(): void;
}

const TLS_HANDSHAKE = 0x16;
/** A TLS alert, fatal: no_application_protocol. What a TLS client understands of "not here". */
const NO_TLS_HERE = Uint8Array.of(21, 3, 1, 0, 2, 2, 120);
/** To be told why. */
const LAST_WORDS_MS = 2_000;

const TLS_DEMANDED: CertificateObjection = {
  message: "it speaks without TLS, and this server demands it",
  fix: "Turn it on there: tls { rpc = true, ca_file, cert_file, key_file }; or, for a while, tls { rpc_upgrade_mode = true } here.",
};

/** Rejects with NamedError LINK_LISTEN_FAILED or LINK_TLS_INVALID. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { host, port, tls, handshakeTimeoutMs, inside } = options;
  const sockets = new Set<Socket>();
  const byClient = new Map<string, number>();
  const report = seldom(options.report);
  const turnAway = (socket: Socket, from: string, why: CertificateObjection) => {
    report(`refused a connection: ${why.message}`, from, why.fix);
    setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
    options.turnedAway(socket, why);
  };
  const secure = (by: LinkTls) => securedBy(by, handshakeTimeoutMs, { inside, turnAway, report });
  let secured = tls === undefined ? undefined : secure(tls);
  let upgradeMode = options.upgradeMode;

  function knock(socket: Socket): void {
    const from = socket.remoteAddress ?? "";
    socket.on("error", () => undefined);
    const count = (byClient.get(from) ?? 0) + 1;
    if (options.connectionsPerClientMax > 0 && count > options.connectionsPerClientMax) {
      report(`refused a connection: there are ${count - 1} from the same address`, from, "Raise limits { rpc_max_conns_per_client }.");
      socket.destroy();
      return;
    }
    byClient.set(from, count);
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => {
      sockets.delete(socket);
      const left = (byClient.get(from) ?? 1) - 1;
      if (left === 0) byClient.delete(from);
      else byClient.set(from, left);
    });
    const late = setTimeout(() => socket.destroy(), handshakeTimeoutMs);
    socket.once("close", () => clearTimeout(late));
    socket.once("data", (first: Buffer) => {
      clearTimeout(late);
      socket.pause();
      socket.unshift(first);
      lead(socket, from, first[0] === TLS_HANDSHAKE);
    });
  }

  function lead(socket: Socket, from: string, speaksTls: boolean): void {
    if (speaksTls && secured === undefined) {
      report(
        "refused a connection: it speaks TLS, and this server does not",
        from,
        "Turn it on here: tls { rpc = true, … }, or off there.",
      );
      socket.end(NO_TLS_HERE);
      setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
    } else if (speaksTls) secured?.take(socket);
    else if (secured === undefined || upgradeMode) inside(socket);
    else turnAway(socket, from, TLS_DEMANDED);
  }

  const server = createServer(knock);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenFailed(`${host}:${port}`, error)));
    server.listen({ host, port }, resolve);
  });
  server.on("error", (error) =>
    options.report({ level: "warn", message: "a connection could not be taken", fields: { problem: messageOf(error) } }),
  );
  return {
    port: (server.address() as AddressInfo).port,
    reload(replaced, both) {
      // Who is in the middle of a handshake finishes it with the old one.
      secured = replaced === undefined ? undefined : secure(replaced);
      upgradeMode = both;
    },
    shut() {
      server.close();
    },
    clear() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function securedBy(
  tls: LinkTls,
  handshakeTimeout: number,
  lead: {
    readonly inside: (socket: Socket) => void;
    readonly turnAway: (socket: Socket, from: string, why: CertificateObjection) => void;
    readonly report: SeldomReport;
  },
) {
  contextOf(tls);
  const server = createTlsServer({
    ...contextOptions(tls),
    secureOptions: constants.SSL_OP_NO_TICKET,
    requestCert: true,
    // Not believed does not mean not answered: it is told why, and nothing else.
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    handshakeTimeout,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => undefined);
    const shown = socket.getPeerX509Certificate();
    const from = socket.remoteAddress ?? "";
    if (shown === undefined) lead.turnAway(socket, from, NO_CERTIFICATE);
    else if (!socket.authorized || socket.isSessionReused()) lead.turnAway(socket, from, trustObjection(codeOf(socket.authorizationError)));
    else lead.inside(socket);
  });
  server.on("tlsClientError", (error, socket: TLSSocket) => {
    socket.destroy();
    lead.report(`refused a connection: its TLS handshake failed: ${messageOf(error)}`, socket.remoteAddress ?? "", "");
  });
  return {
    take: (socket: Socket) => void server.emit("connection", socket),
  };
}

/** Declared an Error; it is the code alone. */
const codeOf = (error: Error | null | undefined): string => (error as { code?: string } | undefined)?.code ?? String(error ?? "");

/** What a connection says of itself once it is inside: its certificate, when it came by TLS. */
export function certificateOf(shown: { readonly raw: Buffer } | undefined): X509Certificate | undefined {
  return shown === undefined ? undefined : new X509Certificate(shown.raw);
}

function listenFailed(at: string, error: Error): NamedError {
  const busy = /EADDRINUSE/.test(error.message);
  return new NamedError(
    "LINK_LISTEN_FAILED",
    `Cannot listen for nodes on ${at}: ${busy ? "the port is in use by another process" : error.message}`,
    { fix: "Stop the other program, or choose another port: ports { rpc = 4657 }." },
  );
}
