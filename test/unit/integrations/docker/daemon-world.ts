/** A docker that answers what a test says, on a socket of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";

export interface Asked {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** `answer`: what docker says, at once or in a while. Resolves to its endpoint; gone with the test. */
export async function fakeDocker(
  t: TestContext,
  answer: (
    asked: Asked,
  ) => { readonly status?: number; readonly body?: unknown } | Promise<{ readonly status?: number; readonly body?: unknown }>,
): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), "drover-docker-"));
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://docker");
    request.resume();
    void Promise.resolve(answer({ method: request.method ?? "", path: url.pathname, query: url.searchParams })).then(
      ({ status = 200, body }) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(body === undefined ? "" : JSON.stringify(body));
      },
    );
  });
  const socket = path.join(directory, "docker.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return `unix://${socket}`;
}
