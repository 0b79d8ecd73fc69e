/** People log in through OpenBao's own OpenID Connect provider, and through JWTs it signs: what it says of them decides what they may. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mayInNamespace } from "#access";
import { createHostClock } from "#integrations/host";
import { accessWorld } from "../unit/server/access/world.ts";
import { startOpenBao } from "./parts/openbao.ts";

const REDIRECT = "http://localhost:4649/oidc/callback";
const bao = await startOpenBao({ owner: { after } });
let client: { client_id: string; client_secret: string };
/** What ana's browser holds once she is known to OpenBao. */
let session: string;

before(async () => {
  const put = (path: string, body: object) => bao.put<{ data: Record<string, string> }>(`/v1/${path}`, body);
  await put("sys/auth/userpass", { type: "userpass" });
  await put("auth/userpass/users/ana", { password: "her password" });
  const mounts = await bao.get<{ data: Record<string, { accessor: string }> }>("/v1/sys/auth");
  const entity = await put("identity/entity", { name: "ana" });
  await put("identity/entity-alias", { name: "ana", canonical_id: entity.data["id"], mount_accessor: mounts.data["userpass/"]?.accessor });
  await put("identity/group", { name: "readers", member_entity_ids: [entity.data["id"]] });
  const template = '{ "groups": {{identity.entity.groups.names}}, "who": { "name": {{identity.entity.name}} } }';
  await put("identity/oidc/scope/drover", { template: Buffer.from(template).toString("base64") });
  await put("identity/oidc/client/drover", { redirect_uris: [REDIRECT], assignments: ["allow_all"], key: "default", id_token_ttl: "5m" });
  await put("identity/oidc/provider/default", { allowed_client_ids: ["*"], scopes_supported: ["drover"], issuer: bao.address });
  client = (await bao.get<{ data: typeof client }>("/v1/identity/oidc/client/drover")).data;
  const login = await bao.put<{ auth: { client_token: string } }>("/v1/auth/userpass/login/ana", { password: "her password" });
  session = login.auth.client_token;
});

/** The provider's page leads to it; a person's browser asks this of the API behind it. */
async function approve(authUrl: string): Promise<{ code: string; state: string }> {
  const { search } = new URL(authUrl);
  const answer = await fetch(`${bao.address}/v1/identity/oidc/provider/default/authorize${search}`, {
    headers: { "X-Vault-Token": session },
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()) as { code: string; state: string };
}

for (const pkce of [true, false]) {
  test(`ana logs in through OpenBao ${pkce ? "with" : "without"} PKCE and may read`, async () => {
    const world = accessWorld({ clock: createHostClock() });
    await world.access.upsertPolicy({ Name: "readers", Rules: 'namespace "default" { policy = "read" }' });
    await world.access.upsertAuthMethod(
      {
        Name: "bao",
        Type: "OIDC",
        TokenLocality: "local",
        MaxTokenTTL: "1h",
        TokenNameFormat: "${value.name}",
        Config: {
          OIDCDiscoveryURL: `${bao.address}/v1/identity/oidc/provider/default`,
          OIDCClientID: client.client_id,
          OIDCClientSecret: client.client_secret,
          OIDCEnablePKCE: pkce,
          OIDCScopes: ["drover"],
          AllowedRedirectURIs: [REDIRECT],
          ClaimMappings: { "/who/name": "name" },
          ListClaimMappings: { groups: "groups" },
        },
      },
      null,
    );
    await world.access.upsertBindingRule(
      { AuthMethod: "bao", Selector: '"readers" in list.groups', BindType: "policy", BindName: "readers" },
      null,
    );
    const request = { method: "bao", redirectUri: REDIRECT, clientNonce: `nonce-${pkce}` };
    const { AuthURL } = await world.access.oidcAuthUrl(request);
    const { Token } = await world.access.oidcCompleteAuth({ ...request, ...(await approve(AuthURL)) });
    assert.deepEqual([Token.Name, Token.Policies], ["ana", ["readers"]]);
    const grant = await world.access.resolve(Token.SecretID);
    assert.deepEqual([mayInNamespace(grant, "default", "read-job"), mayInNamespace(grant, "default", "submit-job")], [true, false]);
  });
}
