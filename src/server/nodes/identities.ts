/**
 * Nodes' own tokens: the one a node brings when it is new (an introduction), and the one it is given when it has registered (its identity).
 *
 *   introduceNode ──► JWT, minutes ──► register of a node nobody knows ──► strict: refused without · warn: reported · none
 *   registered ──► identity, a day ──► less than a third of its time left, or asked for ──► a new one with the next heartbeat
 *
 * Both are signed by the keyring. A node that registers before there is a key has its identity with a later heartbeat. nomad.md §7 "Node identity".
 */
import { DEFAULT_IDENTITY_AUDIENCE, NODE_IDENTITY_TTL_NS, type Node } from "#model";
import { importJWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { ServerContext } from "../context.ts";
import { badRequest } from "../errors.ts";
import type { Keyring } from "../keyring/keyring.ts";
import type { SigningKey } from "../keyring/key-pair.ts";

export interface IntroductionPolicy {
  readonly enforcement: "none" | "warn" | "strict";
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
}
/** nomad.md §5.2 client_introduction. */
export const DEFAULT_INTRODUCTION_POLICY: IntroductionPolicy = { enforcement: "warn", defaultTtlMs: 300_000, maxTtlMs: 1_800_000 };

/** What stands in a node's identity, besides the registered names. */
export interface NodeClaims extends JWTPayload {
  readonly nomad_node_id: string;
  readonly nomad_node_pool: string;
  readonly nomad_node_class: string;
  readonly nomad_node_datacenter: string;
  readonly nomad_region: string;
}

export interface IssuedIdentity {
  readonly token: string;
  readonly claims: NodeClaims;
}

export interface NodeIdentities {
  introduce(request: { readonly ttlMs: number; readonly nodeName: string; readonly nodePool: string }): Promise<{ readonly JWT: string }>;
  /** Why a node that is not known may not register: undefined where it may. What is only to be warned of is reported. */
  refusal(node: Pick<Node, "ID" | "Name" | "NodePool">, introductionToken: string): Promise<string | undefined>;
  /** undefined: there is no key yet. */
  issue(node: Node): Promise<IssuedIdentity | undefined>;
  /** Less than a third of its time is left. */
  worn(identity: IssuedIdentity | undefined): boolean;
}

export function createNodeIdentities(context: ServerContext, keyring: Keyring, policy: IntroductionPolicy, issuer: string): NodeIdentities {
  const { clock, random, report, admission } = context;
  const nowS = () => Math.floor(clock.nowMs() / 1_000);

  function signed(key: SigningKey, claims: JWTPayload): Promise<string> {
    return new SignJWT(claims).setProtectedHeader({ alg: key.algorithm, kid: key.id, typ: "JWT" }).sign(key.key);
  }

  function registered(sub: string, ttlS: number): JWTPayload {
    const iat = nowS();
    return {
      ...(issuer === "" ? {} : { iss: issuer }),
      sub,
      aud: DEFAULT_IDENTITY_AUDIENCE,
      iat,
      nbf: iat,
      exp: iat + ttlS,
      jti: random.uuid(),
    };
  }

  return {
    async introduce({ ttlMs, nodeName, nodePool }) {
      if (ttlMs < 0 || ttlMs > policy.maxTtlMs)
        throw badRequest(
          `Cannot introduce node: TTL ${ttlMs / 1_000}s is not between 0 and ${policy.maxTtlMs / 1_000}s (max_identity_ttl)`,
        );
      const pool = nodePool === "" ? "default" : nodePool;
      const ttlS = Math.max(1, Math.floor((ttlMs === 0 ? policy.defaultTtlMs : ttlMs) / 1_000));
      const region = admission.defaultRegion;
      const claims = {
        ...registered(`node-introduction:${region}:${pool}:${nodeName}:default`, ttlS),
        nomad_region: region,
        nomad_node_pool: pool,
        nomad_node_name: nodeName,
      };
      return { JWT: await signed(await keyring.signing(), claims) };
    },

    async refusal(node, token) {
      if (policy.enforcement === "none") return undefined;
      const why = token === "" ? "it brings no introduction token" : await wrongIntroduction(context, node, token);
      if (why === undefined) return undefined;
      if (policy.enforcement === "strict") return `Permission denied: ${why}`;
      const fields = { node: node.ID, name: node.Name, pool: node.NodePool, why };
      report({ level: "warn", message: "a node joins without a valid introduction token", fields });
      return undefined;
    },

    async issue(node) {
      const key = keyring.atHand;
      if (key === undefined) return undefined;
      const region = admission.defaultRegion;
      const ttlNs = context.cluster.state.snapshot().nodePool(node.NodePool)?.NodeIdentityTTL ?? NODE_IDENTITY_TTL_NS;
      const ttlS = Math.max(1, Math.floor(ttlNs / 1e9));
      const claims = {
        ...registered(`node:${region}:${node.NodePool}:${node.ID}:default`, ttlS),
        nomad_node_id: node.ID,
        nomad_node_pool: node.NodePool,
        nomad_node_class: node.NodeClass,
        nomad_node_datacenter: node.Datacenter,
        nomad_region: region,
      };
      return { token: await signed(key, claims), claims };
    },

    worn(identity) {
      if (identity === undefined) return true;
      const { iat = 0, exp = 0 } = identity.claims;
      return exp - nowS() < (exp - iat) / 3;
    },
  };
}

async function wrongIntroduction(
  context: ServerContext,
  node: Pick<Node, "Name" | "NodePool">,
  token: string,
): Promise<string | undefined> {
  const claims = await verifySigned(context, token);
  if (claims === undefined) return "its introduction token is not one of this cluster, or has expired";
  if (!String(claims.sub ?? "").startsWith("node-introduction:")) return "what it brings is not an introduction token";
  if (claims["nomad_region"] !== context.admission.defaultRegion) return "its introduction token is for another region";
  if (claims["nomad_node_pool"] !== node.NodePool) return `its introduction token is for node pool "${String(claims["nomad_node_pool"])}"`;
  const name = claims["nomad_node_name"];
  if (typeof name === "string" && name !== "" && name !== node.Name) return `its introduction token is for a node named "${name}"`;
  return undefined;
}

/** The claims of a token that the keyring signed and that has not expired. */
async function verifySigned({ cluster, clock }: Pick<ServerContext, "cluster" | "clock">, token: string): Promise<JWTPayload | undefined> {
  const keys = new Map([...cluster.state.snapshot().rootKeys()].map((key) => [key.KeyID, key]));
  return jwtVerify(
    token,
    async ({ kid, alg }) => {
      const key = keys.get(kid ?? "");
      if (key === undefined || key.Algorithm !== alg) throw new Error("not a key of this keyring");
      return importJWK({ ...key.PublicJwk } as Parameters<typeof importJWK>[0], alg);
    },
    { currentDate: new Date(clock.nowMs()), algorithms: ["RS256", "EdDSA"] },
  ).then(
    ({ payload }) => payload,
    () => undefined,
  );
}

/** Whose token is this? undefined: not a node's identity signed here, expired, or the node is not known any more. */
export async function verifyNodeIdentity(
  context: Pick<ServerContext, "cluster" | "clock">,
  token: string,
): Promise<NodeClaims | undefined> {
  const claims = await verifySigned(context, token);
  if (claims === undefined || !String(claims.sub ?? "").startsWith("node:")) return undefined;
  const node = context.cluster.state.snapshot().node(String(claims["nomad_node_id"]));
  return node === undefined ? undefined : (claims as NodeClaims);
}
