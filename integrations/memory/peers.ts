/**
 * Servers that reach each other within one process, each by its address; between any two the road may be cut, and answers may be lost. Values are
 * copied on the way, as a network would.
 */
import { Duplex } from "node:stream";
import type { Peer, PeerEnd, Peers } from "#ports";
import { NamedError } from "#std";

/** What of a PeerEnd a test lets answer; the rest is unreachable. */
export type MemoryPeerEnd = Partial<PeerEnd>;

export interface MemoryPeerCall {
  readonly from: string;
  readonly to: string;
  readonly method: keyof PeerEnd;
}

export interface MemoryPeerNetwork {
  /** Answers at an address from now on. Returns how to stop: as when its process is gone. */
  serve(address: string, end: MemoryPeerEnd): () => void;
  /** As seen from an address. */
  peers(from: string): Peers;
  /** Asked before each call and before each answer: false, or a hold that ends so, and it is lost. Undefined: everything comes through. */
  passes: ((call: MemoryPeerCall, way: "there" | "back") => boolean | Promise<boolean>) | undefined;
}

export function createMemoryPeerNetwork(): MemoryPeerNetwork {
  const ends = new Map<string, MemoryPeerEnd>();
  const network: MemoryPeerNetwork = {
    passes: undefined,
    serve(address, end) {
      ends.set(address, end);
      return () => {
        if (ends.get(address) === end) ends.delete(address);
      };
    },
    peers: (from) => ({ at: (to) => peerAt(from, to), close: () => undefined }),
  };

  async function pass(call: MemoryPeerCall, way: "there" | "back"): Promise<void> {
    if ((await network.passes?.(call, way)) === false) throw unreachable(call.to);
  }
  /** The one that answered the call: who was started anew meanwhile knows nothing of it. */
  function endAt<M extends keyof PeerEnd>(call: MemoryPeerCall & { readonly method: M }): NonNullable<MemoryPeerEnd[M]> {
    const end = ends.get(call.to)?.[call.method];
    if (end === undefined) throw unreachable(call.to);
    return end;
  }

  function peerAt(from: string, to: string): Peer {
    const ask = async <T>(method: keyof PeerEnd, act: () => Promise<T>): Promise<T> => {
      const call = { from, to, method };
      await pass(call, "there");
      const answer = await act().then(structuredClone<T>);
      await pass(call, "back");
      return answer;
    };
    return {
      introduce: (introduction) => ask("introduce", async () => endAt({ from, to, method: "introduce" })(structuredClone(introduction))),
      propose: (command, requestId) =>
        ask("propose", async () => endAt({ from, to, method: "propose" })(Uint8Array.from(command), requestId)),
      beat: (nodes) => ask("beat", async () => endAt({ from, to, method: "beat" })([...nodes])),
      holdsNode: (id) => ask("holdsNode", async () => endAt({ from, to, method: "holdsNode" })(id)),
      keyEncryption: (keyId) => ask("keyEncryption", async () => endAt({ from, to, method: "keyEncryption" })(keyId)),
      async *snapshot(atLeastIndex) {
        const call = { from, to, method: "snapshot" } as const;
        await pass(call, "there");
        for await (const bytes of endAt(call)(atLeastIndex)) {
          await pass(call, "back");
          yield Uint8Array.from(bytes);
        }
      },
      async openApi() {
        const call = { from, to, method: "api" } as const;
        await pass(call, "there");
        const [near, far] = pipe();
        endAt(call)(far);
        return near;
      },
    };
  }
  return network;
}

function unreachable(address: string): NamedError {
  return new NamedError("PEER_UNREACHABLE", `Cannot reach server ${address}: it does not answer`, { statusCode: 503 });
}

/** Two ends: what is written to one is read from the other. */
function pipe(): readonly [Duplex, Duplex] {
  const made: Duplex[] = [];
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read: () => undefined,
      write(chunk: Buffer, _encoding, done) {
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  made.push(
    end(() => made[1] as Duplex),
    end(() => made[0] as Duplex),
  );
  return [made[0] as Duplex, made[1] as Duplex];
}
