/**
 * What Consul needs so that workloads log in to it with their identities: an auth method that trusts the servers' keys, rules that say which
 * token an identity is given, and what a task may read with it. Wanted is a pure list; `setUpConsul` makes it true, `tearDownConsul` takes
 * away exactly what was made. nomad.md §4.3 `setup consul`.
 *
 * Everything made says so in its description. What somebody else made under the same name is never changed.
 */
import { isDeepStrictEqual } from "node:util";
import { NamedError } from "#std";
import type { ConsulAddress, ConsulConnection } from "./connection.ts";
import { ConsulProblem } from "./problem.ts";

export interface ConsulSetup {
  /** Where Consul fetches the servers' keys: http://…:4646/.well-known/jwks.json */
  readonly jwksUrl: string;
  /** PEM of who signed that URL's certificate; "": Consul's own roots. */
  readonly jwksCa: string;
  /** Drover's: each has a role for its tasks. */
  readonly namespaces: readonly string[];
}

export const AUTH_METHOD = "nomad-workloads";
export const AUDIENCE = "consul.io";
const MARK = "Made by drover setup consul";
const marked = (about: string): string => `${about}. ${MARK}.`;

/**
 * Tokens are given back when their workload ends, also after the agent was killed. This is for those nobody can give back any more: a node
 * that is lost for good. Not shorter, since a token's end also ends the health of its service in Consul: a night without servers (which
 * sign the identities to log in anew with) must not do that. Consul allows 24 h at most unless told otherwise.
 */
const TOKEN_TTL = "8h";

type Kind = "policy" | "role" | "auth-method" | "binding-rule";

export interface WantedObject {
  readonly kind: Kind;
  /** For people, and what it is found by (a binding rule: by its selector). */
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** In the order they are made. Pure. */
export function wantedObjects({ jwksUrl, jwksCa, namespaces }: ConsulSetup): readonly WantedObject[] {
  const tasks = namespaces.flatMap((namespace): readonly WantedObject[] => {
    const Name = taskRole(namespace);
    return [
      {
        kind: "policy",
        name: Name,
        body: { Name, Description: marked(`What tasks of namespace ${namespace} may do in Consul`), Rules: TASK_RULES },
      },
      {
        kind: "role",
        name: Name,
        body: { Name, Description: marked(`Tasks of namespace ${namespace}`), Policies: [{ Name }] },
      },
    ];
  });
  const rule = (name: string, Selector: string, BindType: string, BindName: string): WantedObject => ({
    kind: "binding-rule",
    name,
    body: { AuthMethod: AUTH_METHOD, Description: marked(`Login of Nomad ${name}`), Selector, BindType, BindName },
  });
  return [
    // First: Consul asks for the keys at once, and when it cannot, nothing is half made.
    {
      kind: "auth-method",
      name: AUTH_METHOD,
      body: {
        Name: AUTH_METHOD,
        Type: "jwt",
        DisplayName: "Nomad workloads",
        Description: marked("Login of workloads with the identities that their servers sign"),
        MaxTokenTTL: TOKEN_TTL,
        TokenLocality: "local",
        Config: {
          JWKSURL: jwksUrl,
          ...(jwksCa === "" ? {} : { JWKSCACert: jwksCa }),
          // Consul 1.21 refuses a method that names EdDSA, and takes identities signed by it all the same when the key is in the JWKS.
          JWTSupportedAlgs: ["RS256"],
          BoundAudiences: [AUDIENCE],
          ClaimMappings: {
            nomad_namespace: "nomad_namespace",
            nomad_job_id: "nomad_job_id",
            nomad_task: "nomad_task",
            nomad_service: "nomad_service",
            consul_namespace: "consul_namespace",
          },
        },
      },
    },
    ...tasks,
    rule("services", '"nomad_service" in value', "service", "${value.nomad_service}"),
    // More than the rights of its name, for a service that needs them: a terminating gateway writes for those behind it. No such role: nothing.
    rule("services with a role", '"nomad_service" in value', "role", serviceRole("${value.nomad_service}")),
    rule("tasks", '"nomad_service" not in value', "role", taskRole("${value.nomad_namespace}")),
  ];
}

/** Made by operators only: what a service of that name may besides. */
const serviceRole = (service: string): string => `nomad-service-${service}`;
const taskRole = (namespace: string): string => `nomad-tasks-${namespace}`;

const TASK_RULES = `key_prefix "" {
  policy = "read"
}

service_prefix "" {
  policy = "read"
}

node_prefix "" {
  policy = "read"
}
`;

/**
 * For consul { token } of agents, when ACLs are on: to register, to look around, and to find each other. Whoever may write a service may also
 * read its intentions, its chain and its authority's roots.
 */
export const AGENT_RULES = `agent_prefix "" {
  policy = "read"
}

node_prefix "" {
  policy = "read"
}

service_prefix "" {
  policy = "write"
}

# Only where agents are servers: what gateways of jobs serve is written.
mesh = "write"
`;

/**
 * For consul { token } of servers among others that keep their log in this Consul, when ACLs are on: the log and who holds it, the pulse that the
 * session hangs on, finding each other, and the agent's own entry. Nothing else: not even to read what others wrote.
 */
export function serverRules(region: string): string {
  return `# The log, sealed, and the lock of whoever leads.
key_prefix "drover/${region}/" {
  policy = "write"
}

session_prefix "" {
  policy = "write"
}

service "drover-log" {
  policy = "write"
}

# Where the servers find each other; who may not read nodes is shown no service on them.
service "drover-server" {
  policy = "write"
}

node_prefix "" {
  policy = "read"
}

# consul { auto_advertise, server_service_name }
service "nomad" {
  policy = "write"
}
`;
}

const serverPolicy = (region: string): string => `nomad-servers-${region}`;

/** The policy of a region's servers. It needs no server: they start with its token. As setUpConsul, and with its errors. */
export async function setUpServers(connection: ConsulConnection, region: string): Promise<readonly SetupStep[]> {
  return makeTrue(connection, wantedForServers(region));
}

export function wantedForServers(region: string): readonly WantedObject[] {
  const Name = serverPolicy(region);
  const Description = marked(`What the servers of region ${region} may do in Consul`);
  return [{ kind: "policy", name: Name, body: { Name, Description, Rules: serverRules(region) } }];
}

/** consul { … } of every agent's configuration, to reach Consul the way it was reached here. */
export function agentSnippet(address: string, tls: ConsulAddress["tls"]): string {
  const files = { ca_file: tls.caFile, cert_file: tls.certFile, key_file: tls.keyFile };
  const given = Object.entries(files).filter(([, path]) => path !== "");
  const lines = [...given.map(([key, path]) => `  ${key} = ${JSON.stringify(path)}\n`), ...(tls.verify ? [] : ["  verify_ssl = false\n"])];
  const secure = address.startsWith("https:") && lines.length > 0 ? `\n${lines.join("")}` : "";
  return `consul {
  address = ${JSON.stringify(address)}
  token   = "<a token with the policy above>"
${secure}
  service_auth_method = "${AUTH_METHOD}"
  task_auth_method    = "${AUTH_METHOD}"

  service_identity {
    aud = ["${AUDIENCE}"]
    ttl = "1h"
  }

  task_identity {
    aud = ["${AUDIENCE}"]
    ttl = "1h"
  }
}
`;
}

export interface SetupStep {
  readonly what: "made" | "changed" | "kept" | "removed";
  readonly kind: Kind;
  readonly name: string;
}

interface Found {
  readonly ID?: string;
  readonly Name?: string;
  readonly Description?: string;
  readonly AuthMethod?: string;
  readonly [key: string]: unknown;
}

/**
 * Idempotent. Rejects with NamedError CONSUL_SETUP_OCCUPIED (something of that name is there and says something else), CONSUL_SETUP_FAILED.
 * Nothing is changed when anything is occupied.
 */
export function setUpConsul(connection: ConsulConnection, setup: ConsulSetup): Promise<readonly SetupStep[]> {
  return makeTrue(connection, wantedObjects(setup));
}

async function makeTrue(connection: ConsulConnection, wanted: readonly WantedObject[]): Promise<readonly SetupStep[]> {
  const plan: { readonly step: SetupStep; readonly object: WantedObject; readonly found: Found | undefined }[] = [];
  for (const object of wanted) {
    const found = await find(connection, object);
    const what = found === undefined ? "made" : says(found, object.body) ? "kept" : "changed";
    if (what === "changed" && !isOurs(found as Found)) throw occupied(object);
    plan.push({ step: { what, kind: object.kind, name: object.name }, object, found });
  }
  for (const { step, object, found } of plan) {
    if (step.what !== "kept") await write(connection, object, found);
  }
  return plan.map((each) => each.step);
}

/** Everything marked as made, whatever it was made with. Each that is gone already is passed over. */
export async function tearDownConsul(connection: ConsulConnection): Promise<readonly SetupStep[]> {
  const steps: SetupStep[] = [];
  const remove = async (kind: Kind, path: string, name: string): Promise<void> => {
    await acl(connection, `remove ${kind} "${name}"`, () => connection.direct("DELETE", path)).catch((thrown: unknown) => {
      if (!(thrown instanceof NamedError && thrown.statusCode === 404)) throw thrown;
    });
    steps.push({ what: "removed", kind, name });
  };
  const methods = await list(connection, "auth-method");
  const ours = methods.filter((each) => each.Name === AUTH_METHOD && isOurs(each));
  // With the method go its tokens; the rules first, so that nobody logs in with half of them.
  for (const rule of (await list(connection, "binding-rule")).filter((each) => each.AuthMethod === AUTH_METHOD && isOurs(each))) {
    await remove("binding-rule", `/acl/binding-rule/${String(rule.ID)}`, ruleName(rule));
  }
  for (const method of ours) await remove("auth-method", `/acl/auth-method/${String(method.Name)}`, String(method.Name));
  for (const kind of ["role", "policy"] as const) {
    const named = (name = ""): boolean => name.startsWith(taskRole("")) || (kind === "policy" && name.startsWith(serverPolicy("")));
    for (const each of (await list(connection, kind)).filter((found) => named(found.Name) && isOurs(found))) {
      await remove(kind, `/acl/${kind}/${String(each.ID)}`, String(each.Name));
    }
  }
  return steps;
}

const LISTS: Readonly<Record<Kind, string>> = {
  policy: "/acl/policies",
  role: "/acl/roles",
  "auth-method": "/acl/auth-methods",
  "binding-rule": "/acl/binding-rules",
};

function list(connection: ConsulConnection, kind: Kind): Promise<readonly Found[]> {
  return acl(connection, `list what is at ${LISTS[kind]}`, async () => (await connection.direct<Found[] | null>("GET", LISTS[kind])) ?? []);
}

/** Whole: lists leave the rules and the configuration out. */
async function find(connection: ConsulConnection, { kind, name, body }: WantedObject): Promise<Found | undefined> {
  const listed = await list(connection, kind);
  if (kind === "binding-rule") {
    return listed.find(
      (each) => each.AuthMethod === AUTH_METHOD && each["Selector"] === body["Selector"] && each["BindType"] === body["BindType"],
    );
  }
  const found = listed.find((each) => each.Name === name);
  if (found === undefined) return undefined;
  return acl(connection, `read ${kind} "${name}"`, () => connection.direct<Found>("GET", pathOf(kind, found)));
}

function write(connection: ConsulConnection, { kind, name, body }: WantedObject, found: Found | undefined): Promise<unknown> {
  const path = found === undefined ? `/acl/${kind}` : pathOf(kind, found);
  return acl(connection, `write ${kind} "${name}"`, () =>
    connection.direct("PUT", path, { body: { ...(found?.ID === undefined ? {} : { ID: found.ID }), ...body } }),
  );
}

function pathOf(kind: Kind, found: Found): string {
  return `/acl/${kind}/${encodeURIComponent(String(kind === "auth-method" ? found.Name : found.ID))}`;
}

const isOurs = (found: Found): boolean => found.Description?.includes(MARK) === true;
const ruleName = (rule: Found): string => {
  if (rule["BindType"] === "service") return "services";
  return rule["BindName"] === serviceRole("${value.nomad_service}") ? "services with a role" : "tasks";
};

/** What is there may say more (ids, indexes, defaults), never something else. Who made it, and how it describes itself, does not matter. */
function says(found: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    const items: readonly unknown[] = wanted;
    return Array.isArray(found) && found.length === items.length && items.every((each, index) => says(found[index], each));
  }
  if (typeof wanted === "object" && wanted !== null) {
    if (typeof found !== "object" || found === null) return false;
    const there = found as Readonly<Record<string, unknown>>;
    return Object.entries(wanted).every(
      ([key, value]) => key === "Description" || (key === "MaxTokenTTL" ? sameTtl(there[key], value) : says(there[key], value)),
    );
  }
  return isDeepStrictEqual(found, wanted);
}

/** "8h" comes back as "8h0m0s". */
function sameTtl(found: unknown, wanted: unknown): boolean {
  return found === wanted || found === `${String(wanted)}0m0s`;
}

function occupied({ kind, name }: WantedObject): NamedError {
  return new NamedError(
    "CONSUL_SETUP_OCCUPIED",
    `Cannot set up Consul: ${kind} "${name}" is there already, made by somebody else and otherwise`,
    {
      statusCode: 409,
      fix: `Nothing was changed. Remove it (consul acl ${kind} delete), or change it by hand and leave this command out.`,
    },
  );
}

const AWAY = { fix: "Start Consul, or set CONSUL_HTTP_ADDR to where it is." };
const UNKNOWN = { fix: "The message is Consul's own; correct what it names, and run the command again." };
const FIXES: readonly { readonly says: RegExp; readonly fix: string }[] = [
  {
    says: /checking JWKSURL/i,
    fix: "Consul asks a server for its keys at once: start the agent first, and give its address as Consul reaches it by -jwks-url (and -jwks-ca-file).",
  },
  {
    says: /ACL support disabled/i,
    fix: "Consul's ACLs are off: without them workloads need no login. Turn them on with acl { enabled = true }.",
  },
  { says: /Permission denied|ACL not found/i, fix: 'Set CONSUL_HTTP_TOKEN to a token with acl = "write".' },
];

async function acl<T>(connection: ConsulConnection, action: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    const problem = thrown instanceof ConsulProblem ? thrown : new ConsulProblem(0, String(thrown));
    const { status } = problem;
    throw new NamedError("CONSUL_SETUP_FAILED", `Cannot ${action} at Consul (${connection.address}): ${problem.message}`, {
      statusCode: status === 0 ? 503 : status,
      fix: problem.fix ?? (FIXES.find(({ says }) => says.test(problem.message)) ?? (status === 0 ? AWAY : UNKNOWN)).fix,
    });
  }
}
