/**
 * Does somebody speak where proxies get their configuration? One that takes a connection and says nothing is a Consul that hangs, or a kernel that
 * takes connections for a process that was stopped. A server of HTTP/2 says its settings first, without being asked anything.
 */
import { connect } from "node:http2";
import type { MeshEndpoint } from "#ports";

/** Never rejects. */
export function speaks({ host, port, tls, ca, serverName }: MeshEndpoint, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const shown = host.includes(":") ? `[${host}]` : host;
  // As the proxies do: without an authority of his own nobody can tell whose certificate it is.
  const session = connect(`${tls ? "https" : "http"}://${shown}:${port}`, {
    ...(tls && { servername: serverName, rejectUnauthorized: ca !== "", ...(ca !== "" && { ca }), checkServerIdentity: () => undefined }),
  });
  const over = (answer: boolean): void => {
    signal.removeEventListener("abort", silent);
    resolve(answer);
    session.destroy();
  };
  const silent = (): void => over(false);
  signal.addEventListener("abort", silent, { once: true });
  session.once("remoteSettings", () => over(true));
  session.on("error", silent);
  session.once("close", silent);
  return promise;
}
