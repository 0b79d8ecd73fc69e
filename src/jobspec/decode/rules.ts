/** Where a job file writes a noun otherwise than its properties say: shorthands, inheritance, defaults that are names. */
import type { TSchema } from "typebox";
import {
  Affinity,
  Constraint,
  flag,
  Job,
  labelled,
  LogConfig,
  Network,
  PeriodicConfig,
  Secret,
  Task,
  TaskGroup,
  text,
  Vault,
  block,
} from "#model";
import type { Range } from "../hcl/mod.ts";
import type { Decoding } from "./decoding.ts";
import { keyOf, type Key } from "./keys.ts";
import type { Places } from "./places.ts";

type Decoded = Record<string, unknown>;

export interface RuleContext {
  readonly decoding: Decoding;
  /** The noun's head. */
  readonly at: Range;
  /** Where a key was written, else the noun's head. */
  readonly rangeOf: (key: string) => Range;
}
export interface Rule {
  /** Keys beside those of the schema. Their properties begin with "$" and are gone after `finish`. */
  readonly extra: readonly Key[];
  /** Changes what was decoded. */
  readonly finish: (decoded: Decoded, context: RuleContext) => void;
}

/** Operators that are attributes of their own in constraint and affinity: `regexp = "…"`. */
const OPERATORS = ["regexp", "version", "semver", "set_contains", "set_contains_all", "set_contains_any"];

const operatorKeys = OPERATORS.map((name) => keyOf(name, `$${name}`, text({ hcl: name })));
const vaultKey = keyOf("vault", "$vault", block(Vault, { hcl: "vault" }));
const secretKey = keyOf("secret", "$secrets", labelled(Secret, { hcl: "secret", label: "Name" }));

const RULES: ReadonlyMap<TSchema, Rule> = new Map<TSchema, Rule>([
  [
    Job,
    {
      extra: [
        keyOf("id", "ID", text({ hcl: "id" })),
        keyOf("task", "$tasks", labelled(Task, { hcl: "task", label: "Name" })),
        vaultKey,
        secretKey,
      ],
      finish: finishJob,
    },
  ],
  [TaskGroup, { extra: [vaultKey, secretKey], finish: (group, { decoding }) => inherit(group, tasksOf(group), decoding.places) }],
  [Task, { extra: [], finish: finishTask }],
  [
    Constraint,
    {
      extra: [
        ...operatorKeys,
        keyOf("distinct_hosts", "$distinct_hosts", flag({ hcl: "distinct_hosts" })),
        keyOf("distinct_property", "$distinct_property", text({ hcl: "distinct_property" })),
      ],
      finish: finishConstraint,
    },
  ],
  [Network, { extra: [], finish: splitPorts }],
  [Affinity, { extra: operatorKeys, finish: takeOperators }],
  [LogConfig, { extra: [keyOf("enabled", "$enabled", flag({ hcl: "enabled" }))], finish: finishLogs }],
  [PeriodicConfig, { extra: [], finish: finishPeriodic }],
]);

export function ruleFor(schema: TSchema): Rule | undefined {
  return RULES.get(schema);
}

/** A task right under the job is a group of one, before the written groups. */
function finishJob(job: Decoded, { decoding }: RuleContext): void {
  const alone = (take(job, "$tasks") ?? []) as Decoded[];
  const groups = (job["TaskGroups"] ?? []) as Decoded[];
  const all = [...alone.map((task) => ({ Name: task["Name"], Tasks: [task] }) as Decoded), ...groups];
  if (all.length > 0) job["TaskGroups"] = all;
  inherit(job, all.flatMap(tasksOf), decoding.places);
}

function tasksOf(group: Decoded): Decoded[] {
  return (group["Tasks"] ?? []) as Decoded[];
}

/** `vault` and `secret` of a job or a group are each task's that has none of its own. */
function inherit(from: Decoded, tasks: readonly Decoded[], places: Places): void {
  const vault = take(from, "$vault");
  const secrets = (take(from, "$secrets") ?? []) as Decoded[];
  for (const task of tasks) {
    if (vault !== undefined) task["Vault"] ??= places.copy(vault);
    const own = (task["Secrets"] ?? []) as Decoded[];
    const added = secrets.filter((secret) => own.every((each) => each["Name"] !== secret["Name"]));
    if (added.length > 0) task["Secrets"] = [...places.copy(added), ...own];
  }
}

function finishTask(task: Decoded, context: RuleContext): void {
  splitIdentities(task, context);
  for (const scaling of (task["ScalingPolicies"] ?? []) as Decoded[]) scaling["Type"] = verticalType(String(scaling["Type"]));
}

/** `scaling "cpu"` of a task. What is neither is refused by admission. */
export function verticalType(label: string): string {
  return label === "cpu" || label === "mem" ? `vertical_${label}` : label;
}

/** Ports with a number of their own are a list of their own. */
function splitPorts(network: Decoded): void {
  const ports = (network["DynamicPorts"] ?? []) as Decoded[];
  const isReserved = (port: Decoded): boolean => typeof port["Value"] === "number" && port["Value"] > 0;
  if (!ports.some(isReserved)) return;
  const dynamic = ports.filter((port) => !isReserved(port));
  if (dynamic.length > 0) network["DynamicPorts"] = dynamic;
  else delete network["DynamicPorts"];
  network["ReservedPorts"] = ports.filter(isReserved);
}

/** The identity without a name, or named "default", is the task's own; the others are a list. */
function splitIdentities(task: Decoded, context: RuleContext): void {
  const all = task["Identities"] as Decoded[] | undefined;
  if (all === undefined) return;
  const isDefault = (each: Decoded): boolean => [undefined, "", "default"].includes(each["Name"] as string | undefined);
  const own = all.filter(isDefault);
  const others = all.filter((each) => !isDefault(each));
  if (own.length > 1)
    context.decoding.error(
      context.rangeOf("identity"),
      "Two identity blocks have no name",
      'At most one is the default; give the others a name: identity { name = "…" }.',
    );
  const names = others.map((each) => each["Name"]);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    context.decoding.error(
      context.rangeOf("identity"),
      `Two identity blocks are called "${String(twice)}"`,
      "Each needs a name of its own.",
    );
  delete task["Identities"];
  if (own[0] !== undefined) task["Identity"] = own[0];
  if (others.length > 0) task["Identities"] = others;
}

function finishConstraint(constraint: Decoded, context: RuleContext): void {
  takeOperators(constraint, context);
  const distinctHosts = take(constraint, "$distinct_hosts");
  if (distinctHosts !== undefined) {
    constraint["Operand"] = "distinct_hosts";
    constraint["RTarget"] = String(distinctHosts);
  }
  const property = take(constraint, "$distinct_property");
  if (property !== undefined) {
    constraint["Operand"] = "distinct_property";
    constraint["LTarget"] = property;
  }
}

/** `version = ">= 1"` → operator "version", value ">= 1". */
function takeOperators(constraint: Decoded, context: RuleContext): void {
  const given = OPERATORS.filter((name) => constraint[`$${name}`] !== undefined);
  if (given.length > 1) {
    context.decoding.error(
      context.rangeOf(given[1] as string),
      `"${given[0]}" and "${given[1]}" in one block`,
      "One block has one operator; write two blocks.",
    );
  }
  for (const name of given) {
    constraint["Operand"] = name;
    constraint["RTarget"] = take(constraint, `$${name}`);
  }
}

/** `enabled` is the old way to say `disabled`. */
function finishLogs(logs: Decoded): void {
  const enabled = take(logs, "$enabled");
  if (enabled !== undefined) logs["Disabled"] ??= enabled === false;
}

function finishPeriodic(periodic: Decoded): void {
  if (periodic["Spec"] !== undefined || periodic["Specs"] !== undefined) periodic["SpecType"] = "cron";
}

function take(decoded: Decoded, property: string): unknown {
  const value = decoded[property];
  delete decoded[property];
  return value;
}
