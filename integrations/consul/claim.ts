/** One key of Consul's KV that the first one to come writes, for good. */
import type { ConsulConnection } from "./connection.ts";
import { ConsulProblem } from "./problem.ts";

/**
 * `value` becomes the key's if nobody has written it; the answer is what stands there then, never stale. Without a value it only looks;
 * undefined: nothing stands there. Rejects with ConsulProblem, at once where
 * Consul has no leader: asked for a key then it thinks for seconds, ever longer between two looks for one.
 */
export async function claimKey(connection: ConsulConnection, key: string, value?: string): Promise<string | undefined> {
  if ((await connection.direct<string>("GET", "/status/leader")) === "") throw new ConsulProblem(500, "Consul has no leader (yet)");
  const found = await read(connection, key);
  if (found !== undefined || value === undefined) return found;
  // CAS 0: only where there is none. false is an answer: somebody was faster.
  await connection.ask((consul, common) => consul.kv.set({ key, value, cas: 0, ...common }));
  return read(connection, key);
}

async function read(connection: ConsulConnection, key: string): Promise<string | undefined> {
  const path = `/kv/${key.split("/").map(encodeURIComponent).join("/")}`;
  const answer = await connection.look(path, { query: { consistent: "" }, token: "", signal: new AbortController().signal, waitsMs: 0 });
  if (!answer.found) return undefined;
  const [entry] = answer.body as readonly { readonly Value: string | null }[];
  return entry === undefined ? undefined : Buffer.from(entry.Value ?? "", "base64").toString("utf8");
}
