/**
 * Ways to other servers: one connection to each for calls, and one for what is large or slow (snapshots, connections to the HTTP API).
 *
 *   asked ─► open? ─► the call, within its time            not open ─► connect ─► HELLO ─► WELCOME ─┘
 *                                                           failed ─► for a moment everybody is refused at once, longer each time
 *
 * Which failures mean that the other end never heard of it nobody can say: who asks again does it with the same request id.
 */
import type { Client } from "@grpc/grpc-js";
import type { Duplex } from "node:stream";
import type { NodeId } from "#model";
import type { Clock, IntroductionAnswer, Peer, PeerOutcome, Peers, Random } from "#ports";
import { messageOf, NamedError } from "#std";
import { type Asking, createAsking } from "./calls.ts";
import { contextOf, type LinkTls } from "./certificates.ts";
import { hail, hailTunnel, openClient, openStream } from "./open-stream.ts";
import type { Pipe } from "./pipe.ts";
import { CALLS, PEER_CHANNEL_OPTIONS, PROTOCOL_VERSION, SERVER_API } from "./service.ts";

export interface NetworkPeersOptions {
  readonly tls?: LinkTls;
  readonly clock: Clock;
  readonly random: Random;
}

export interface NetworkPeers extends Peers {
  /** For connections from now on; undefined: without TLS. Throws LINK_TLS_INVALID, and nothing has changed. */
  reload(tls: LinkTls | undefined): void;
}

/** Until the other end has welcomed us. */
const CONNECT_MS = 2_000;
/** An append may wait for a change of Consul's own leader. */
const PROPOSE_MS = 10_000;
const ASK_MS = 3_000;
/** Between two pieces. */
const SNAPSHOT_SILENCE_MS = 10_000;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 500;

export function networkPeers(options: NetworkPeersOptions): NetworkPeers {
  const ways = new Map<string, Way>();
  const settings: Settings = { clock: options.clock, random: options.random, tls: options.tls, closed: false };
  return {
    at(rpcAddress) {
      const known = ways.get(rpcAddress);
      if (known !== undefined) return known.peer;
      const way = createWay(rpcAddress, settings);
      ways.set(rpcAddress, way);
      return way.peer;
    },
    reload(tls) {
      if (tls !== undefined) contextOf(tls);
      settings.tls = tls;
    },
    close() {
      settings.closed = true;
      for (const way of ways.values()) way.close();
      ways.clear();
    },
  };
}

interface Settings {
  readonly clock: Clock;
  readonly random: Random;
  tls: LinkTls | undefined;
  closed: boolean;
}

interface Way {
  readonly peer: Peer;
  close(): void;
}

function createWay(address: string, settings: Settings): Way {
  const { clock } = settings;
  const calls = createLine(address, settings);
  const bulk = createLine(address, settings);
  const ask = async (method: string, args: readonly unknown[], withinMs = ASK_MS) => {
    const asking = await calls.asking();
    return (await within(clock, withinMs, address, method, asking.ask(method, args))) as never;
  };
  const peer: Peer = {
    introduce: (introduction) => ask("introduce", [introduction]) as Promise<IntroductionAnswer>,
    propose: (command, requestId) => ask("propose", [command, requestId], PROPOSE_MS) as Promise<PeerOutcome>,
    beat: (nodes) => ask("beat", [nodes]) as Promise<Readonly<Record<NodeId, number>>>,
    holdsNode: (id) => ask("holdsNode", [id]) as Promise<boolean>,
    keyEncryption: (keyId) => ask("keyEncryption", [keyId]) as Promise<Uint8Array | null>,
    snapshot: (atLeastIndex) => snapshotOf(address, clock, () => bulk.asking(), atLeastIndex),
    openApi: () => bulk.tunnel(),
  };
  return {
    peer,
    close() {
      calls.close();
      bulk.close();
    },
  };
}

async function* snapshotOf(address: string, clock: Clock, line: () => Promise<Asking>, atLeastIndex: number): AsyncGenerator<Uint8Array> {
  const asking = await line();
  const gone = new AbortController();
  const pieces = asking.stream("snapshot", [atLeastIndex], gone.signal)[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await within(clock, SNAPSHOT_SILENCE_MS, address, "snapshot", pieces.next());
      if (next.done === true) return;
      yield next.value as Uint8Array;
    }
  } finally {
    gone.abort();
  }
}

/** One connection to one server, opened when somebody asks and again after it broke. */
function createLine(address: string, settings: Settings) {
  const { clock, random } = settings;
  let client: Client | undefined;
  let clientTls: LinkTls | undefined;
  let open: { readonly pipe: Pipe; readonly asking: Asking } | undefined;
  let opening: Promise<Asking> | undefined;
  let backoffMs = 0;
  let refusedUntilMs = 0;
  let last: NamedError | undefined;

  /** The channel opens its connection by itself; after a failure a new one does not wait as long as it would. */
  function through(): Client {
    if (settings.closed) throw unreachable(address, "this server stops");
    if (client !== undefined && clientTls !== settings.tls) drop();
    clientTls = settings.tls;
    client ??= openClient(address, settings.tls, PEER_CHANNEL_OPTIONS);
    return client;
  }

  function drop(): void {
    client?.close();
    client = undefined;
  }

  function failed(error: NamedError): NamedError {
    drop();
    backoffMs = Math.min(Math.max(backoffMs * 2, BACKOFF_FIRST_MS), BACKOFF_MAX_MS);
    refusedUntilMs = clock.nowMs() + backoffMs * (0.5 + random.fraction() / 2);
    last = asUnreachable(address, error);
    return last;
  }

  async function connect(): Promise<Asking> {
    if (last !== undefined && clock.nowMs() < refusedUntilMs) throw last;
    const stream = openStream(through(), CALLS, () => undefined);
    const asking = createAsking(
      () => stream.pipe,
      (reason) => `server ${address}: the connection is lost: ${reason}`,
    );
    try {
      await hail(
        stream,
        clock,
        CONNECT_MS,
        { Version: PROTOCOL_VERSION },
        {
          message: (message) => asking.take(message),
          closed(reason) {
            asking.closed(reason);
            if (open?.pipe === stream.pipe) open = undefined;
          },
        },
      );
    } catch (thrown) {
      throw failed(thrown as NamedError);
    }
    if (settings.closed) {
      stream.pipe.close("this server stops");
      throw unreachable(address, "this server stops");
    }
    backoffMs = 0;
    last = undefined;
    open = { pipe: stream.pipe, asking };
    return asking;
  }

  return {
    async asking(): Promise<Asking> {
      if (open?.pipe.open === true) return open.asking;
      opening ??= connect().finally(() => (opening = undefined));
      return opening;
    },
    async tunnel(): Promise<Duplex> {
      if (last !== undefined && clock.nowMs() < refusedUntilMs) throw last;
      try {
        const remoteAddress = address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
        const tunnel = await hailTunnel(
          through(),
          SERVER_API,
          { Version: PROTOCOL_VERSION },
          { clock, withinMs: CONNECT_MS, remoteAddress },
        );
        backoffMs = 0;
        last = undefined;
        return tunnel;
      } catch (thrown) {
        // What stands on this connection is not to suffer for one that was refused.
        if (open?.pipe.open === true) throw asUnreachable(address, thrown as NamedError);
        throw failed(thrown as NamedError);
      }
    },
    close() {
      open?.pipe.close("this server stops");
      // After the last word has left.
      const closing = client;
      setTimeout(() => closing?.close(), 500).unref();
    },
  };
}

/** Rejects as unreachable after so long; a lost connection is the same to who asked. */
async function within<Value>(clock: Clock, withinMs: number, address: string, method: string, answer: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = clock.after(withinMs, () => late.reject(unreachable(address, `no answer to "${method}" within ${withinMs / 1000} s`)));
  try {
    return await Promise.race([answer, late.promise]);
  } catch (thrown) {
    throw asUnreachable(address, thrown);
  } finally {
    timer.cancel();
  }
}

/** Of the connection; what the other end itself said stays as it is. */
function asUnreachable(address: string, thrown: unknown): NamedError {
  if (thrown instanceof NamedError && thrown.code !== "LINK_REFUSED") return thrown;
  const fix = thrown instanceof NamedError ? thrown.fix : undefined;
  return unreachable(address, messageOf(thrown), fix);
}

function unreachable(address: string, why: string, fix?: string): NamedError {
  return new NamedError("PEER_UNREACHABLE", `Cannot reach server ${address}: ${why}`, {
    statusCode: 503,
    ...(fix === undefined ? {} : { fix }),
  });
}
