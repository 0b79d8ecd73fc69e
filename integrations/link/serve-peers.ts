/** What other servers are answered: ports/peers.ts over calls, and connections to the HTTP API. */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { NodeId } from "#model";
import type { Introduction, PeerEnd } from "#ports";
import { type Answers, createAnswering } from "./calls.ts";
import { type Frame, KIND } from "./frame.ts";
import type { Pipe } from "./pipe.ts";
import { receive, receiveTunnel } from "./receive.ts";
import { refused } from "./service.ts";

type Stream = ServerDuplexStream<Frame, Frame>;

export function servePeers(hall: { readonly pipes: Set<Pipe> }, peer: PeerEnd | undefined, admit: (stream: Stream) => void) {
  const present = (): PeerEnd => {
    if (peer === undefined) throw refused("ask this server: it does not answer other servers");
    return peer;
  };
  return {
    Calls: (stream: Stream) =>
      receive(hall, stream, admit, async (pipe, _hello, become) => {
        const answering = createAnswering(() => pipe, answersOf(present()));
        become({ message: (message) => answering.take(message), closed: () => answering.closed() });
        pipe.urgent({ kind: KIND.welcome });
      }),
    Api: (stream: Stream) =>
      receiveTunnel(stream, admit, () => {
        const end = present();
        return (connection) => end.api(connection);
      }),
  };
}

/** Every argument is made what the end expects. */
function answersOf(end: PeerEnd): Answers {
  return {
    introduce: ([introduction]) => end.introduce(introductionOf(introduction)),
    propose: ([command, requestId]) => end.propose(bytesOf(command), String(requestId)),
    beat: ([nodes]) => end.beat(listOf(nodes).map((each) => String(each) as NodeId)),
    holdsNode: ([id]) => end.holdsNode(String(id) as NodeId),
    snapshot: ([atLeastIndex]) => end.snapshot(Number(atLeastIndex)),
    keyEncryption: ([keyId]) => end.keyEncryption(String(keyId)),
  };
}

function introductionOf(value: unknown): Introduction {
  const { ServerId = "", Name = "", Region = "", ClusterId = "", Version = "", RpcAddress = "" } = (value ?? {}) as Partial<Introduction>;
  return {
    ServerId: String(ServerId),
    Name: String(Name),
    Region: String(Region),
    ClusterId: String(ClusterId),
    Version: String(Version),
    ...(RpcAddress === "" ? {} : { RpcAddress: String(RpcAddress) }),
  };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw refused("ask this server: what should be bytes is none", { statusCode: 400 });
}
