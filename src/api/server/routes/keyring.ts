/** The keyring: what operators see of it, and what anybody may know to verify an identity. nomad.md §3.2. */
import type { RootKey } from "#model";
import type { RootKeyAnswer } from "../../contract/mod.ts";
import { reading } from "../blocking.ts";
import { list, value, type Call, type Handler, type Result } from "../call.ts";
import { byText } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";

/** What Nomad calls the algorithm of a root key: what variables are sealed with. */
const SEALS_WITH = "aes256-gcm";

export const listKeys: Handler = reading(["root-keys"], (snapshot, call) => {
  const index = snapshot.tableIndex("root-keys");
  return {
    index,
    async answer() {
      const found = await page(
        call,
        [...snapshot.rootKeys()].map(shown),
        byText<RootKeyAnswer>(({ KeyID }) => KeyID),
      );
      return list(found.items, (one) => JSON.stringify(one), { index, nextToken: found.nextToken });
    },
  };
});

export const rotateKey: Handler = async (call, context) => {
  const publishTime = call.query.text("publish_time");
  if (!/^\d{0,19}$/.test(publishTime))
    throw badRequest(`Cannot rotate root key: publish_time is ${JSON.stringify(publishTime)}, wanted unix nanoseconds`);
  const algorithm = algorithmOf(call);
  const { Key, Index } = await requireServer(context).rotateRootKey({
    full: call.query.flag("full", false, true),
    publishAtNs: Number(publishTime) === 0 ? null : Number(publishTime),
    ...(algorithm === undefined ? {} : { algorithm }),
  });
  return value({ Key: shown(Key), Index }, { index: Index });
};

export const removeKey: Handler = async (call, context) => {
  const { Index } = await requireServer(context).deleteRootKey(call.parameters["id"] ?? "", call.query.flag("force", false, true));
  return value({ Index }, { index: Index });
};

function algorithmOf(call: Call): RootKey["Algorithm"] | undefined {
  const asked = call.query.text("algorithm");
  if (asked === "" || asked === SEALS_WITH) return undefined;
  if (asked === "RS256" || asked === "EdDSA") return asked;
  throw badRequest(`Cannot rotate root key: algorithm is ${JSON.stringify(asked)}, wanted ${SEALS_WITH}, RS256 or EdDSA`);
}

/** Without the key itself, sealed though it is. */
function shown({ KeyID, Algorithm, State, CreateTime, PublishTime, CreateIndex, ModifyIndex }: RootKey): RootKeyAnswer {
  return { KeyID, Algorithm: SEALS_WITH, SigningAlgorithm: Algorithm, State, CreateTime, PublishTime, CreateIndex, ModifyIndex };
}

/** What may be kept says until when: a new key is here that long before it signs. */
export const readJwks: Handler = (_call, context) => {
  const { keys, maxAgeS } = requireServer(context).jwks();
  return published({ keys }, maxAgeS);
};

export const readDiscovery: Handler = (_call, context) => {
  const server = requireServer(context);
  const document = server.openidConfiguration();
  if (document === null) throw notFound("OIDC Discovery endpoint disabled");
  return published(document, server.jwks().maxAgeS);
};

function published(document: unknown, maxAgeS: number): Result {
  return {
    kind: "bytes",
    bytes: Buffer.from(JSON.stringify(document)),
    contentType: "application/json",
    headers: { "cache-control": `max-age=${maxAgeS}` },
    meta: {},
  };
}
