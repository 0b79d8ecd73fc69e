/**
 * The link between a node and the servers when both live in one process: the dev agent, tests, simulations.
 *
 *   node ──► MemoryLink ──► server's accept            objects by reference (nouns are immutable), nothing is copied
 *        ◄──            ◄── allocationsChanged
 *
 * It behaves as a network would: nothing is answered or delivered in the caller's own turn, each direction keeps its order, and what is
 * on the way when the connection ends is lost. `lose` and `refuse` are a cable pulled by a test.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Link, LinkConnection, NodeEnd } from "#ports";
import { NamedError } from "#std";

export interface MemoryLink extends Link {
  /** Ends the connections of one node, or of all: both ends notice at once. Nodes may connect again. */
  lose(nodeId?: string): void;
  /** From now on (true) nobody gets through; those connected stay. */
  refuse(refused: boolean): void;
  readonly connections: number;
}

interface Connection {
  readonly nodeId: string;
  open: boolean;
  end(reason: string): void;
}

/** `accept` is the servers' end. */
export function createMemoryLink(accept: Link): MemoryLink {
  const connections = new Set<Connection>();
  let refused = false;

  async function connect(...[node, end, closed]: Parameters<Link["connect"]>): Promise<LinkConnection> {
    await nextTurn();
    if (refused) throw lost(`connect node "${node.ID}": nobody answers`);
    const connection: Connection = {
      nodeId: node.ID,
      open: true,
      end(reason) {
        if (!connection.open) return;
        connection.open = false;
        connections.delete(connection);
        closed(reason);
      },
    };
    const inner = await accept.connect(node, delivering(connection, end), connection.end);
    const close = connection.end;
    // A cable that is pulled is noticed at the server's end too.
    connection.end = (reason) => {
      inner.close();
      close(reason);
    };
    if (connection.open) connections.add(connection);
    return {
      register: (described, token) => carry(connection, () => inner.register(described, token)),
      heartbeat: () => carry(connection, () => inner.heartbeat()),
      updateAllocations: (updates) => carry(connection, () => inner.updateAllocations(updates)),
      signIdentities: (requests) => carry(connection, () => inner.signIdentities(requests)),
      services: () => carry(connection, () => inner.services()),
      upsertServices: (services) => carry(connection, () => inner.upsertServices(services)),
      deleteServices: (ids) => carry(connection, () => inner.deleteServices(ids)),
      followServices: () => carry(connection, () => inner.followServices()),
      readVariable: (question) => carry(connection, () => inner.readVariable(question)),
      takeTurn: (allocationId) => carry(connection, () => inner.takeTurn(allocationId)),
      giveTurnBack: (allocationId) => carry(connection, () => inner.giveTurnBack(allocationId)),
      unseal: (allocationId) => carry(connection, () => inner.unseal(allocationId)),
      verifyIdentity: (token) => carry(connection, () => inner.verifyIdentity(token)),
      close: () => connection.end("closed by the node"),
    };
  }

  return {
    connect,
    lose(nodeId) {
      for (const connection of connections) if (nodeId === undefined || connection.nodeId === nodeId) connection.end("connection lost");
    },
    refuse(value) {
      refused = value;
    },
    get connections() {
      return connections.size;
    },
  };
}

/** There and back, a turn of the event loop each; turns come in order, and so do calls. */
async function carry<Answer>(connection: Connection, call: () => Promise<Answer>): Promise<Answer> {
  await nextTurn();
  if (!connection.open) throw lost(`node "${connection.nodeId}": the connection is lost`);
  const answer = await call();
  await nextTurn();
  if (!connection.open) throw lost(`node "${connection.nodeId}": the connection was lost before the answer`);
  return answer;
}

function delivering(connection: Connection, end: NodeEnd): NodeEnd {
  return {
    services: end.services,
    servicesChanged(change) {
      setImmediate(() => {
        if (connection.open) end.servicesChanged(change);
      });
    },
    allocationsChanged(change) {
      setImmediate(() => {
        if (connection.open) end.allocationsChanged(change);
      });
    },
  };
}

function lost(message: string): NamedError {
  return new NamedError("LINK_REFUSED", message, { statusCode: 503 });
}
