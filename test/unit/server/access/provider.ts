/** A small OpenID Connect provider: HTTPS by its own authority, code flow with PKCE, client secret or assertion, keys that change. */
import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, exportJWK, SignJWT } from "jose";

export interface Provider {
  readonly url: string;
  readonly ca: string;
  /** What goes into the next id token beside the registered names; what userinfo says. */
  claims: Record<string, unknown>;
  user: Record<string, unknown>;
  readonly requests: string[];
  /** As a person in front of the provider's page would: the redirect's query. */
  approve(authUrl: string): { readonly code: string; readonly state: string };
  jwt(claims: Record<string, unknown>): Promise<string>;
  /** From now on it signs with another key. */
  rotate(): void;
  close(): Promise<void>;
}

export const SECRET = "the client's secret";

export async function startProvider(nowS: () => number): Promise<Provider> {
  const folder = mkdtempSync(join(tmpdir(), "drover-provider-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "key.pem",
    "-out",
    "cert.pem",
    "-days",
    "2",
    "-subj",
    "/CN=provider",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
  );
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const [certificate, certificateKey] = [read("cert.pem"), read("key.pem")];
  rmSync(folder, { recursive: true, force: true });

  let signing: { readonly kid: string; readonly privateKey: KeyObject; readonly publicKey: KeyObject } = newKey();
  const codes = new Map<string, URLSearchParams>();
  const requests: string[] = [];

  async function jwt(claims: Record<string, unknown>): Promise<string> {
    const now = nowS();
    const all = { iss: provider.url, iat: now, exp: now + 300, ...claims };
    return new SignJWT(all).setProtectedHeader({ alg: "ES256", kid: signing.kid }).sign(signing.privateKey);
  }

  const server = createServer({ key: certificateKey, cert: certificate }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      void answer(request.url ?? "", request.headers.authorization ?? "", new URLSearchParams(Buffer.concat(chunks).toString())).then(
        ([status, body]) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
      );
    });
  });

  async function answer(path: string, authorization: string, form: URLSearchParams): Promise<[number, object]> {
    requests.push(path);
    if (path === "/.well-known/openid-configuration") {
      const at = (name: string) => `${provider.url}/${name}`;
      return [
        200,
        {
          issuer: provider.url,
          authorization_endpoint: at("authorize"),
          token_endpoint: at("token"),
          jwks_uri: at("keys"),
          userinfo_endpoint: at("userinfo"),
        },
      ];
    }
    if (path === "/keys") return [200, { keys: [{ ...(await exportJWK(signing.publicKey)), kid: signing.kid, alg: "ES256", use: "sig" }] }];
    if (path === "/userinfo") return authorization === "Bearer access" ? [200, provider.user] : [401, {}];
    if (path !== "/token") return [404, {}];
    const asked = codes.get(form.get("code") ?? "");
    codes.delete(form.get("code") ?? "");
    const basic = Buffer.from(authorization.replace("Basic ", ""), "base64").toString();
    const assertion = form.get("client_assertion");
    const known = assertion === null ? basic === `drover:${encodeURIComponent(SECRET)}` : decodeJwt(assertion).sub === "drover";
    const challenge = asked?.get("code_challenge") ?? "";
    const proven =
      challenge === "" ||
      createHash("sha256")
        .update(form.get("code_verifier") ?? "")
        .digest("base64url") === challenge;
    if (asked === undefined || !known || !proven || form.get("redirect_uri") !== asked.get("redirect_uri"))
      return [400, { error: "invalid_grant" }];
    return [
      200,
      { access_token: "access", id_token: await jwt({ sub: "ana", aud: "drover", nonce: asked.get("nonce"), ...provider.claims }) },
    ];
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const provider: Provider = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: certificate,
    claims: {},
    user: { sub: "ana" },
    requests,
    approve(authUrl) {
      const code = randomUUID();
      const query = new URL(authUrl).searchParams;
      codes.set(code, query);
      return { code, state: query.get("state") ?? "" };
    },
    jwt,
    rotate: () => (signing = newKey()),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return provider;
}

function newKey() {
  return { kid: randomUUID(), ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
}
