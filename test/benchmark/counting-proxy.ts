/** Stands before a real Consul or Vault and counts what it is asked. */
import { createServer, Agent, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { PartOwner } from "../live/parts/process.ts";

export interface CountingProxy {
  readonly port: number;
  /** So far. */
  requests(): number;
  /** Asked and not answered yet, now: what waits for a change. */
  waiting(): number;
  /** Open now, towards the one that asks. */
  connections(): number;
}

/** Passes everything on; answers that are waited for are passed on as they come. */
export async function countingProxy(owner: PartOwner, port: () => number): Promise<CountingProxy> {
  const pool = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  let [count, waiting] = [0, 0];
  const server = createServer((asked, answer) => {
    count++;
    waiting++;
    const { method, url, headers } = asked;
    const passed = request({ host: "127.0.0.1", port: port(), method, path: url, headers, agent: pool }, (said) => {
      answer.writeHead(said.statusCode ?? 502, said.headers);
      said.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => {
      waiting--;
      passed.destroy();
    });
    asked.pipe(passed);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  owner.after(async () => {
    server.closeAllConnections();
    server.close();
    pool.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    requests: () => count,
    waiting: () => waiting,
    connections: () => sockets.size,
  };
}
