/** What templates write to name a thing: "tag.web?ns=team@dc2~near|passing,warning". consul-template's forms. */
import { fail } from "./declare.ts";

const KEY = String.raw`\/?(?<key>[^@?]+)`;
const QUERY = String.raw`(?:\?(?<query>[\w\-=&]+))?`;
const DATACENTER = String.raw`(?:@(?<dc>[\w.\-]+))?`;
const REGION = String.raw`(?:@(?<region>[\w.\-]+))?`;
const NEAR = String.raw`(?:~(?<near>[\w.\-]+))?`;
const TAG = String.raw`(?:(?<tag>[\w=:.\-]+)\.)?`;
const SERVICE = String.raw`(?<name>[\w\-]+)`;

const whole = (...parts: readonly string[]): RegExp => new RegExp(`^${parts.join("")}$`);

export const FORMS = {
  key: whole(KEY, QUERY, DATACENTER),
  service: whole(TAG, SERVICE, QUERY, DATACENTER, NEAR, String.raw`(?:\|(?<status>[\w,]+))?`),
  services: whole(QUERY, DATACENTER),
  node: whole(String.raw`(?<name>[\w.\-]+)`, QUERY, DATACENTER),
  nodes: whole(QUERY, DATACENTER, NEAR),
  peerings: whole(QUERY),
  nomadService: whole(TAG, SERVICE, REGION),
  nomadServices: whole(REGION),
  variable: whole(String.raw`\/?(?<path>[^@]+)`, String.raw`(?:@(?<ns>[\w\-]+))?`, String.raw`(?:\.(?<region>[\w\-]+))?`),
  variables: whole(String.raw`\/?(?<path>[^@]*)`, String.raw`(?:@(?<ns>[\w\-]+|\*))?`, String.raw`(?:\.(?<region>[\w\-]+))?`),
} as const;

export type Form = keyof typeof FORMS;
export type Parts = Readonly<Record<string, string>>;

const PARAMETERS = ["ns", "peer", "partition", "sameness-group"];
const STATUSES = ["any", "passing", "warning", "critical", "maintenance"];

/** The parts that are there. `what` is the function's name, for errors. */
export function parseQuery(form: Form, text: string, what: string): Parts {
  const match = FORMS[form].exec(text);
  if (match === null) return fail(`${what}: not a form it knows; ${HINTS[form]}`);
  const parts: Record<string, string> = {};
  for (const [name, value] of Object.entries(match.groups ?? {})) if (value !== undefined && value !== "") parts[name] = value;
  const { query, ...rest } = parts;
  return query === undefined ? rest : { ...rest, ...parametersOf(query, what) };
}

function parametersOf(query: string, what: string): Parts {
  const parameters = [...new URLSearchParams(query)];
  if (parameters.some(([name]) => !PARAMETERS.includes(name))) fail(`${what}: after "?" it knows ${PARAMETERS.join(", ")}`);
  return Object.fromEntries(parameters.filter(([, value]) => value !== ""));
}

/** "passing" alone is what nobody needs to say. */
export function statusesOf(text: string | undefined, what: string): string {
  const statuses = (text ?? "passing").split(",").filter((status) => status !== "");
  if (statuses.some((status) => !STATUSES.includes(status))) fail(`${what}: after "|" it knows ${STATUSES.join(", ")}`);
  return statuses.length === 0 ? "passing" : statuses.toSorted().join(",");
}

const HINTS: Readonly<Record<Form, string>> = {
  key: "PATH?ns=NAMESPACE@DATACENTER",
  service: "TAG.NAME?ns=NAMESPACE@DATACENTER~NEAR|STATUS",
  services: "?ns=NAMESPACE@DATACENTER",
  node: "NAME?ns=NAMESPACE@DATACENTER",
  nodes: "?ns=NAMESPACE@DATACENTER~NEAR",
  peerings: "?partition=PARTITION",
  nomadService: "TAG.NAME@REGION",
  nomadServices: "@REGION",
  variable: "PATH@NAMESPACE.REGION",
  variables: "PREFIX@NAMESPACE.REGION",
};
