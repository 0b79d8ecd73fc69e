/** DNS over UDP and TCP sockets of this machine. */
import { createSocket, type Socket } from "node:dgram";
import { readFile } from "node:fs/promises";
import { createServer, connect, isIPv6, type AddressInfo, type Server, type Socket as Connection } from "node:net";
import { networkInterfaces } from "node:os";
import type { DnsEndpoint, DnsListener } from "#ports";
import { messageOf, NamedError } from "#std";

const RESOLV_CONF = "/etc/resolv.conf";
const DNS_PORT = 53;
/** A connection nobody asks anything on. */
const IDLE_MS = 10_000;
const CONNECTIONS_MAX = 256;
const PORT_TRIES = 5;

type Answering = Parameters<DnsEndpoint["listen"]>[1];

export function hostDnsEndpoint(): DnsEndpoint {
  return {
    async listen(address, answer) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await listenOnBoth(address, answer);
        } catch (thrown) {
          // A free UDP port may be taken for TCP: another one is free for both.
          if (address.port === 0 && attempt < PORT_TRIES && (thrown as NodeJS.ErrnoException).code === "EADDRINUSE") continue;
          throw listenError(address, thrown);
        }
      }
    },
    ask: (server, question, transport, timeoutMs) =>
      transport === "udp" ? askByDatagram(server, question, timeoutMs) : askByStream(server, question, timeoutMs),
    async upstreams(except) {
      const text = await readFile(RESOLV_CONF, "utf8").catch(() => "");
      return nameservers(text)
        .filter((host) => !isAmong(host, except))
        .map((host) => ({ host, port: DNS_PORT }));
    },
  };
}

export function nameservers(resolvConf: string): readonly string[] {
  return resolvConf.split("\n").flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}

/** Who listens on every address of the machine has all of them. */
function isAmong(host: string, addresses: readonly string[]): boolean {
  if (addresses.includes(host)) return true;
  if (!addresses.some((each) => each === "0.0.0.0" || each === "::")) return false;
  const own = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
  return host.startsWith("127.") || own.includes(host.replace(/%.*$/, ""));
}

async function listenOnBoth(address: { readonly host: string; readonly port: number }, answer: Answering): Promise<DnsListener> {
  const datagrams = createSocket({ type: isIPv6(address.host) ? "udp6" : "udp4", reuseAddr: false });
  datagrams.on("message", (question, from) => {
    const replied = answer(question, "udp").then((reply) => {
      // Who wrote that it comes from port 0 cannot be answered.
      if (reply !== undefined && from.port > 0) datagrams.send(reply, from.port, from.address, () => {});
    });
    // Closed in between: nobody is answered any more.
    replied.catch(() => {});
  });
  await opened(datagrams, () => datagrams.bind({ address: address.host, port: address.port, exclusive: true }), "listening");
  datagrams.on("error", () => {});
  const { port } = datagrams.address();
  const streams = createServer((connection) => converse(connection, answer));
  streams.maxConnections = CONNECTIONS_MAX;
  const open = new Set<Connection>();
  streams.on("connection", (connection) => {
    open.add(connection);
    connection.once("close", () => open.delete(connection));
  });
  try {
    await opened(streams, () => streams.listen({ host: address.host, port }), "listening");
  } catch (error) {
    datagrams.close();
    throw error;
  }
  streams.on("error", () => {});
  let closing: Promise<void> | undefined;
  return {
    host: (streams.address() as AddressInfo).address,
    port,
    close: () =>
      (closing ??= (async () => {
        for (const connection of open) connection.destroy();
        await Promise.all([
          new Promise<void>((resolve) => {
            datagrams.close(resolve);
          }),
          new Promise<void>((resolve) => {
            streams.close(() => resolve());
          }),
        ]);
      })()),
  };
}

function opened(what: Socket | Server, open: () => unknown, event: "listening"): Promise<void> {
  return new Promise((resolve, reject) => {
    what.once("error", reject);
    what.once(event, () => {
      what.off("error", reject);
      resolve();
    });
    open();
  });
}

function listenError(address: { readonly host: string; readonly port: number }, thrown: unknown): NamedError {
  const place = `${address.host}:${address.port}`;
  const { code } = thrown as NodeJS.ErrnoException;
  if (code === "EACCES")
    return new NamedError("DNS_ADDRESS_DENIED", `Cannot answer DNS on "${place}": ports below 1024 need a right this agent has not`, {
      fix: "Run the agent as root or give it CAP_NET_BIND_SERVICE, or choose another port: client { dns { port = 4653 } }.",
      cause: thrown,
    });
  return new NamedError("DNS_ADDRESS_IN_USE", `Cannot answer DNS on "${place}": ${messageOf(thrown)}`, {
    fix: "Choose another address or port: client { dns { address = …, port = … } }, or none: client { dns { enabled = false } }.",
    cause: thrown,
  });
}

/**
 * Over a connection each message comes after its length in two bytes. One is answered after the other, and the next is read when the answer is
 * on its way: who asks without listening fills no memory here.
 */
function converse(connection: Connection, answer: Answering): void {
  let buffered: Buffer = Buffer.alloc(0);
  let answering = false;
  // From the first byte of a question to its last, and with nothing asked.
  let late = setTimeout(() => connection.destroy(), IDLE_MS);
  const rearm = () => {
    clearTimeout(late);
    if (!connection.destroyed) late = setTimeout(() => connection.destroy(), IDLE_MS);
  };
  connection.on("error", () => {});
  connection.on("close", () => clearTimeout(late));
  connection.on("data", (data: Buffer) => {
    buffered = Buffer.concat([buffered, data]);
    if (!answering) void answerAll().catch(() => connection.destroy());
  });

  async function answerAll(): Promise<void> {
    answering = true;
    connection.pause();
    for (let question = takeMessage(); question !== undefined && !connection.destroyed; question = takeMessage()) {
      rearm();
      const reply = await answer(question, "tcp");
      rearm();
      if (reply === undefined) connection.destroy();
      else if (!connection.destroyed && !connection.write(framed(reply))) await drained(connection);
    }
    answering = false;
    connection.resume();
  }

  function takeMessage(): Buffer | undefined {
    if (buffered.length < 2) return undefined;
    const length = buffered.readUInt16BE(0);
    if (buffered.length < 2 + length) return undefined;
    const message = buffered.subarray(2, 2 + length);
    buffered = buffered.subarray(2 + length);
    return message;
  }
}

/** Also when it is closed before. */
function drained(connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      connection.off("drain", done).off("close", done);
      resolve();
    };
    connection.once("drain", done).once("close", done);
  });
}

function framed(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}

interface Place {
  readonly host: string;
  readonly port: number;
}

function askByDatagram(server: Place, question: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.host) ? "udp6" : "udp4");
    let over = false;
    const end = (finish: () => void) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      socket.close();
      finish();
    };
    const fail = (error: Error) => end(() => reject(error));
    const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    socket.on("error", fail);
    socket.on("message", (reply) => {
      // Another's answer to another's question is passed over.
      if (reply.length >= 2 && reply[0] === question[0] && reply[1] === question[1]) end(() => resolve(reply));
    });
    // Connected: only the one that was asked can answer. Where no way leads to it the callback hears of that, not the event.
    socket.connect(server.port, server.host, (problem?: Error | null) => {
      if (problem instanceof Error) fail(problem);
      else if (!over) socket.send(question, (unsent) => void (unsent !== null && fail(unsent)));
    });
  });
}

function askByStream(server: Place, question: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, server.host, () => socket.write(framed(question)));
    let buffered: Buffer = Buffer.alloc(0);
    const end = (finish: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      finish();
    };
    const timer = setTimeout(() => end(() => reject(new Error(`no answer within ${timeoutMs} ms`))), timeoutMs);
    socket.once("error", (error) => end(() => reject(error)));
    socket.once("end", () => end(() => reject(new Error("the connection was closed without an answer"))));
    socket.on("data", (data: Buffer) => {
      buffered = Buffer.concat([buffered, data]);
      if (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
        const reply = buffered.subarray(2, 2 + buffered.readUInt16BE(0));
        end(() => resolve(reply));
      }
    });
  });
}
