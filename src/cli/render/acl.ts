/** What access control keeps, as people read it. nomad.md §4.4. Pure. */
import type { AclAuthMethodAnswer, AclPolicyStub, AclTokenAnswer, AclTokenStub } from "#api/contract";
import type { AclBindingRule, AclPolicy, AclRole } from "#model";
import type { Palette } from "./colour.ts";
import { keyValues, table } from "./columns.ts";
import { byName } from "./node.ts";
import { localRfc3339 } from "./time.ts";

/** With its secret where the servers told it. */
export function tokenText(token: AclTokenAnswer, colours: Palette): string {
  const managing = token.Type === "management";
  const facts: [string, string][] = [
    ["Accessor ID", token.AccessorID],
    ["Secret ID", token.SecretID],
    ["Name", token.Name],
    ["Type", token.Type],
    ["Global", String(token.Global)],
    ["Create Time", timeText(token.CreateTime)],
    ["Expiry Time", timeText(token.ExpirationTime)],
    ["Create Index", String(token.CreateIndex)],
    ["Modify Index", String(token.ModifyIndex)],
    ["Policies", managing ? "n/a" : `[${token.Policies.join(" ")}]`],
  ];
  if (managing) return keyValues([...facts, ["Roles", "n/a"]]);
  const roles = token.Roles.map(({ ID, Name }) => [ID, Name]);
  return `${keyValues(facts)}\n\n${colours.bold("Roles")}\n${roles.length === 0 ? "<none>" : table([["ID", "Name"], ...roles])}`;
}

export function tokenTable(tokens: readonly AclTokenStub[], nowMs: number): string {
  const expired = ({ ExpirationTime }: AclTokenStub) => ExpirationTime !== null && Date.parse(ExpirationTime) <= nowMs;
  return table([
    ["Name", "Type", "Global", "Accessor ID", "Expired"],
    ...tokens.map((each) => [each.Name, each.Type, String(each.Global), each.AccessorID, String(expired(each))]),
  ]);
}

export function policyText(policy: AclPolicy, colours: Palette): string {
  const facts: [string, string][] = [
    ["Name", policy.Name],
    ["Description", policy.Description],
    ["CreateIndex", String(policy.CreateIndex)],
    ["ModifyIndex", String(policy.ModifyIndex)],
  ];
  const workload = policy.JobACL;
  const associated =
    workload === null
      ? ""
      : `\n\n${colours.bold("Associated Workload")}\n${keyValues([
          ["Namespace", workload.Namespace],
          ["JobID", workload.JobID],
          ["Group", workload.Group],
          ["Task", workload.Task],
        ])}`;
  return `${keyValues(facts)}${associated}\n\n${colours.bold("Rules")}\n\n${policy.Rules.trimEnd()}`;
}

/** Those somebody has, and through which workload. */
export function ownPolicyTable(policies: readonly AclPolicyStub[]): string {
  return table([
    ["Name", "Job ID", "Group Name", "Task Name"],
    ...policies.map(({ Name, JobACL }) => [Name, JobACL?.JobID ?? "", JobACL?.Group ?? "", JobACL?.Task ?? ""]),
  ]);
}

export function roleText(role: AclRole): string {
  return keyValues([
    ["ID", role.ID],
    ["Name", role.Name],
    ["Description", role.Description],
    ["Policies", policyNames(role)],
    ["Create Index", String(role.CreateIndex)],
    ["Modify Index", String(role.ModifyIndex)],
  ]);
}

export function policyNames({ Policies }: Pick<AclRole, "Policies">): string {
  return Policies.map(({ Name }) => Name).join(",");
}

/** Its configuration too; what is kept secret came as "redacted". */
export function authMethodText(method: AclAuthMethodAnswer, colours: Palette): string {
  const facts = keyValues([
    ["Name", method.Name],
    ["Type", method.Type],
    ["Locality", method.TokenLocality],
    ["Max Token TTL", method.MaxTokenTTL],
    ["Token Name Format", method.TokenNameFormat],
    ["Default", String(method.Default)],
    ["Create Index", String(method.CreateIndex)],
    ["Modify Index", String(method.ModifyIndex)],
  ]);
  const { ClaimMappings, ListClaimMappings, OIDCClientAssertion, ...plain } = method.Config;
  const config = keyValues([
    ...CONFIG_NAMES.flatMap(([label, key]): [string, string][] => {
      const value = plain[key];
      return isUnset(value) ? [] : [[label, Array.isArray(value) ? value.join(",") : String(value)]];
    }),
    ...(OIDCClientAssertion === null ? [] : [["OIDC Client Assertion", "set"] as [string, string]]),
    ...byName(ClaimMappings).map(([from, to]): [string, string] => ["Claim mapping", `{${from}: ${to}}`]),
    ...byName(ListClaimMappings).map(([from, to]): [string, string] => ["List claim mapping", `{${from}: ${to}}`]),
  ]);
  return `${facts}\n\n${colours.bold("Auth Method Config")}\n\n${config}`;
}

type PlainKey = Exclude<keyof AclAuthMethodAnswer["Config"], "ClaimMappings" | "ListClaimMappings" | "OIDCClientAssertion">;
const CONFIG_NAMES: readonly (readonly [label: string, key: PlainKey])[] = [
  ["JWT Validation Public Keys", "JWTValidationPubKeys"],
  ["JWKS URL", "JWKSURL"],
  ["JWKS CA Cert", "JWKSCACert"],
  ["OIDC Discovery URL", "OIDCDiscoveryURL"],
  ["OIDC Client ID", "OIDCClientID"],
  ["OIDC Client Secret", "OIDCClientSecret"],
  ["OIDC Enable PKCE", "OIDCEnablePKCE"],
  ["OIDC Disable UserInfo", "OIDCDisableUserInfo"],
  ["OIDC Scopes", "OIDCScopes"],
  ["Bound Audiences", "BoundAudiences"],
  ["Bound Issuer", "BoundIssuer"],
  ["Allowed Redirects URIs", "AllowedRedirectURIs"],
  ["Discovery CA PEM", "DiscoveryCaPem"],
  ["Signing Algorithms", "SigningAlgs"],
  ["Expiration Leeway", "ExpirationLeeway"],
  ["NotBefore Leeway", "NotBeforeLeeway"],
  ["ClockSkew Leeway", "ClockSkewLeeway"],
  ["Verbose Logging", "VerboseLogging"],
];

function isUnset(value: unknown): boolean {
  return value === "" || value === false || value === "0s" || value === null || (Array.isArray(value) && value.length === 0);
}

export function bindingRuleText(rule: AclBindingRule): string {
  return keyValues([
    ["ID", rule.ID],
    ["Description", rule.Description],
    ["Auth Method", rule.AuthMethod],
    ["Selector", rule.Selector === "" ? "" : JSON.stringify(rule.Selector)],
    ["Bind Type", rule.BindType],
    ["Bind Name", rule.BindName],
    ["Create Time", timeText(rule.CreateTime)],
    ["Modify Time", timeText(rule.ModifyTime)],
    ["Create Index", String(rule.CreateIndex)],
    ["Modify Index", String(rule.ModifyIndex)],
  ]);
}

/** RFC 3339, in the machine's zone; null: never. */
function timeText(time: string | null): string {
  return time === null ? "" : localRfc3339(new Date(time));
}
