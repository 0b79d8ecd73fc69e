/** Would a proxy get its configuration now: does somebody speak where proxies talk to Consul? */
import type { Clock, Mesh } from "#ports";

const WAIT_MS = 3_000;

export function consulTakes(mesh: Pick<Mesh, "endpoint" | "speaks"> | undefined, clock: Clock): () => Promise<boolean> {
  return async () => {
    const ended = new AbortController();
    const timer = clock.after(WAIT_MS, () => ended.abort());
    try {
      const endpoint = await mesh?.endpoint();
      return endpoint !== undefined && (await (mesh as Pick<Mesh, "speaks">).speaks(endpoint, ended.signal));
    } catch {
      return false;
    } finally {
      timer.cancel();
    }
  };
}
