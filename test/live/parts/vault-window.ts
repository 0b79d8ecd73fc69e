/** Our makers on a real OpenBao, and tokens for them. */
import { vaultConnection, type VaultAddress, type VaultConnection } from "#integrations/vault";
import type { RealOpenBao } from "./openbao.ts";
import type { PartOwner } from "./process.ts";
import { slowConsul, type SlowConsul } from "./slow-consul.ts";

export function vaultAt(bao: Pick<RealOpenBao, "address">, owner: PartOwner, options: Partial<VaultAddress> = {}): VaultConnection {
  const connection = vaultConnection({
    address: bao.address,
    namespace: "",
    tls: { caFile: "", caPath: "", certFile: "", keyFile: "", serverName: "", verify: true },
    timeoutMs: 10_000,
    ...options,
  });
  owner.after(async () => connection.close());
  return connection;
}

/** A bad network before it. Its `address` has no scheme. */
export function slowOpenBao(bao: RealOpenBao, owner: PartOwner): Promise<SlowConsul> {
  return slowConsul({ httpPort: bao.port, beforeRemove: (cut) => owner.after(cut) });
}

/** A token of exactly these rules (HCL), and of Vault's default policy unless `bare`. */
export async function tokenWith(bao: RealOpenBao, rules: string, { bare = false, namespace = "" } = {}): Promise<string> {
  const headers = { "content-type": "application/json", ...(namespace === "" ? {} : { "X-Vault-Namespace": namespace }) };
  const ask = async (path: string, body: unknown): Promise<Response> => {
    const response = await bao.api(path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const name = `p${Math.random().toString(36).slice(2)}`;
  await ask(`/v1/sys/policies/acl/${name}`, { policy: rules });
  const made = await ask("/v1/auth/token/create", { policies: [name], no_default_policy: bare, ttl: "1h" });
  return ((await made.json()) as { auth: { client_token: string } }).auth.client_token;
}
