/** Does somebody take connections where proxies talk to Consul? */
import type { Clock, Mesh, Probe } from "#ports";

const WAIT_MS = 3_000;

export function consulTakes(mesh: Pick<Mesh, "endpoint"> | undefined, probe: Pick<Probe, "tcp">, clock: Clock): () => Promise<boolean> {
  return async () => {
    const ended = new AbortController();
    const timer = clock.after(WAIT_MS, () => ended.abort());
    try {
      const endpoint = await mesh?.endpoint();
      if (endpoint === undefined) return false;
      const { host, port } = endpoint;
      return (await probe.tcp({ address: host, port, timeoutMs: WAIT_MS }, ended.signal)).passing;
    } catch {
      return false;
    } finally {
      timer.cancel();
    }
  };
}
