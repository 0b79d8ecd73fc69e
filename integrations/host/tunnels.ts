/**
 * Unix sockets that lead to a system on this machine's network. Each connection is its own: bytes go through unchanged, an end that is closed for
 * writing stays open for reading, and who reads slowly slows who writes.
 *
 * The socket lies where tasks may write: it is made below its directory held open, under a name of its own, and moved in place of whatever stands
 * there, a link too; nothing is followed.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, constants, lstatSync, openSync, renameSync, unlinkSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import { messageOf, NamedError } from "#std";
import type { Tunnel, Tunnels, TunnelTarget } from "#ports";

const CONNECT_WAIT_MS = 5_000;
/** A proxy has one. Whoever of an allocation opens connections without end takes none of the agent's files from the others. */
const CONNECTIONS_MAX = 256;

export function hostTunnels(): Tunnels {
  return {
    open: async (socketPath, target) => {
      try {
        return await open(socketPath, target);
      } catch (thrown) {
        throw new NamedError("TUNNEL_FAILED", `Cannot open the socket "${socketPath}": ${messageOf(thrown)}`, { cause: thrown });
      }
    },
  };
}

async function open(socketPath: string, target: () => TunnelTarget | undefined): Promise<Tunnel> {
  const directory = openSync(dirname(socketPath), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const at = (name: string) => below(directory, dirname(socketPath), name);
    const name = basename(socketPath);
    // A name that nobody has: node removes it again when the server is closed, wherever that number of a directory leads by then.
    const fresh = `.${name}.${randomBytes(6).toString("hex")}`;
    const connections = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (inner) => lead(inner, target, connections));
    server.maxConnections = CONNECTIONS_MAX;
    await listening(server, at(fresh));
    server.on("error", () => undefined);
    const own = placed(server, at(fresh), at(name));
    let closing: Promise<void> | undefined;
    return {
      get connections() {
        return connections.size;
      },
      close: () => (closing ??= close(server, connections, socketPath, own)),
    };
  } finally {
    closeSync(directory);
  }
}

/** Its number in the file system. Nothing is left of it where it cannot be moved (a directory lies there). */
function placed(server: Server, fresh: string, path: string): number {
  try {
    chmodSync(fresh, 0o666);
    const { ino } = lstatSync(fresh);
    renameSync(fresh, path);
    return ino;
  } catch (thrown) {
    // Removes the file as well.
    server.close();
    throw thrown;
  }
}

function below(directory: number, path: string, name: string): string {
  return process.platform === "linux" ? `/proc/self/fd/${directory}/${name}` : `${path}/${name}`;
}

function listening(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ path }, () => {
    server.off("error", reject);
    resolve();
  });
  return promise;
}

async function close(server: Server, connections: ReadonlySet<Socket>, socketPath: string, own: number): Promise<void> {
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  for (const each of connections) each.destroy();
  await closed.promise;
  try {
    // What somebody else put in its place is theirs.
    if (lstatSync(socketPath).ino === own) unlinkSync(socketPath);
  } catch {
    // It is gone, or its directory is.
  }
}

function lead(inner: Socket, target: () => TunnelTarget | undefined, connections: Set<Socket>): void {
  connections.add(inner);
  inner.on("error", () => inner.destroy());
  inner.once("close", () => connections.delete(inner));
  const where = target();
  if (where === undefined) {
    inner.destroy();
    return;
  }
  const outer = createConnection({ ...where, allowHalfOpen: true });
  const late = setTimeout(() => outer.destroy(), CONNECT_WAIT_MS);
  outer.once("connect", () => {
    clearTimeout(late);
    if ("host" in where) outer.setNoDelay(true);
    inner.pipe(outer);
    outer.pipe(inner);
  });
  outer.on("error", () => outer.destroy());
  // Either end gone for good, the other has nobody to talk to.
  outer.once("close", () => {
    clearTimeout(late);
    // What is on its way to the other side still gets there.
    inner.destroySoon();
  });
  inner.once("close", () => outer.destroySoon());
}
