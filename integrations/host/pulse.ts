/**
 * The main loop says that it runs: an HTTP listener that it answers itself (consul-log.md, 24). The kernel takes connections for a process that
 * hangs; it answers no request for it.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Pulse {
  /** http://127.0.0.1:41234/ */
  readonly url: string;
  close(): Promise<void>;
}

/** On a free port unless one is named. `host`: 127.0.0.1, or an address that the Consul which asks can reach. */
export async function startPulse(host = "127.0.0.1", port = 0): Promise<Pulse> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(request.method === "GET" || request.method === "HEAD" ? 200 : 405, { "content-length": 0 }).end();
  });
  server.requestTimeout = 5000;
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const { address, family, port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${taken}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
