/**
 * Constraints, affinities, spreads: their normal form, whether they can be evaluated at all, and what a job implies without
 * saying so. nomad.md §1.11, §1.12. Operators stay as written (`is`, `==` and `=` mean the same).
 */
import {
  CONSTRAINT_OPERATORS,
  type Affinity,
  type Constraint,
  type Job,
  type Spread,
  type Task,
  type TaskGroup,
  isProxyTask,
  sameValue,
} from "#model";
import { compilePattern, messageOf } from "#std";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, jobPlace, problem, taskPlace } from "./finding.ts";
import { NODE_ENVOY } from "./mesh/proxy-task.ts";

const OPERATORS: ReadonlySet<string> = new Set(CONSTRAINT_OPERATORS);
const NEEDS_VALUE = new Set(["regexp", "version", "semver", "set_contains", "set_contains_all", "set_contains_any"]);

/** Step: an operator left out is "=". */
export function normalizeConstraints({ job }: Admission): Job {
  const normal = <T extends { readonly Constraints: Constraint[]; readonly Affinities: Affinity[] }>(noun: T): T => ({
    ...noun,
    Constraints: noun.Constraints.map((each) => ({ ...each, Operand: each.Operand || "=" })),
    Affinities: noun.Affinities.map((each) => ({ ...each, Operand: each.Operand || "=" })),
  });
  const normalTask = (task: Task): Task => ({
    ...normal(task),
    Resources: task.Resources === null ? null : { ...task.Resources, Devices: task.Resources.Devices.map(normal) },
  });
  return { ...normal(job), TaskGroups: job.TaskGroups.map((group) => ({ ...normal(group), Tasks: group.Tasks.map(normalTask) })) };
}

/** Step: a group runs only where the signals its tasks are sent exist, and what its services are registered in and its secrets come from. */
export function implyConstraints({ job }: Admission): Job {
  return { ...job, TaskGroups: job.TaskGroups.map((group) => implied(group).reduce(withConstraint, group)) };
}

function implied(group: TaskGroup): readonly Constraint[] {
  const signals = [...new Set(group.Tasks.flatMap(signalsOf).filter((signal) => signal !== ""))].sort();
  const providers = new Set([...group.Services, ...group.Tasks.flatMap((task) => task.Services)].map((service) => service.Provider));
  const consul = providers.has("consul") || group.Consul !== null || group.Tasks.some((task) => task.Consul !== null);
  const secrets = [...new Set(group.Tasks.flatMap((task) => task.Secrets.map((secret) => secret.Provider)))]
    .filter((each) => each !== "")
    .sort();
  return [
    ...(signals.length === 0 ? [] : [{ LTarget: "${attr.os.signals}", RTarget: signals.join(","), Operand: "set_contains" }]),
    ...(consul ? [{ LTarget: "${attr.consul.version}", RTarget: ">= 1.8.0", Operand: "semver" }] : []),
    ...(providers.has("nomad") ? [{ LTarget: "${attr.nomad.service_discovery}", RTarget: "true", Operand: "=" }] : []),
    ...(group.Tasks.some((task) => task.Vault !== null)
      ? [{ LTarget: "${attr.vault.version}", RTarget: ">= 0.6.1", Operand: "semver" }]
      : []),
    ...networkConstraints(group),
    ...meshConstraints(group),
    ...secrets.map((provider) => ({ LTarget: `\${attr.plugins.secrets.${provider}.version}`, RTarget: "", Operand: "is_set" })),
  ];
}

const CNI_PLUGINS = ["bridge", "firewall", "host-local", "loopback", "portmap"];

function networkConstraints(group: TaskGroup): readonly Constraint[] {
  if (!group.Networks.some((network) => network.Mode === "bridge")) return [];
  return CNI_PLUGINS.map((plugin) => ({ LTarget: `\${attr.plugins.cni.version.${plugin}}`, RTarget: ">= 0.4.0", Operand: "semver" }));
}

/** Envoy is told what to do by Consul's gRPC; where no image is named it is the node's own. */
function meshConstraints(group: TaskGroup): readonly Constraint[] {
  const proxies = group.Tasks.filter(isProxyTask);
  return [
    ...(proxies.length === 0 ? [] : [{ LTarget: "${attr.consul.grpc}", RTarget: "0", Operand: ">" }]),
    ...(proxies.some((task) => task.Config["command"] === NODE_ENVOY)
      ? [{ LTarget: "${attr.envoy.version}", RTarget: "", Operand: "is_set" }]
      : []),
  ];
}

function signalsOf({ KillSignal, Templates, Vault }: Task): readonly string[] {
  const changing = [...Templates, ...(Vault === null ? [] : [Vault])].filter((each) => each.ChangeMode === "signal");
  return [KillSignal, ...changing.map((each) => each.ChangeSignal)];
}

function withConstraint(group: TaskGroup, constraint: Constraint): TaskGroup {
  if (group.Constraints.some((each) => sameValue(each, constraint))) return group;
  return { ...group, Constraints: [...group.Constraints, constraint] };
}

/** Step: every expression can be evaluated. */
export function* checkPlacement({ job }: Admission): Iterable<Finding> {
  yield* checkEveryNode(job);
  yield* checkNoun(jobPlace(job), job, "job");
  for (const [g, group] of job.TaskGroups.entries()) {
    yield* checkNoun(groupPlace(job, g), group, "group");
    for (const [t, task] of group.Tasks.entries()) yield* checkNoun(taskPlace(job, g, t), { ...task, Spreads: [] }, "task");
  }
}

/** A job that runs on every node has nothing to choose. */
function* checkEveryNode(job: Job): Iterable<Finding> {
  if (job.Type !== "system" && job.Type !== "sysbatch") return;
  const places: readonly (readonly [Place, { readonly Affinities: readonly Affinity[]; readonly Spreads?: readonly Spread[] }])[] = [
    [jobPlace(job), job],
    ...job.TaskGroups.flatMap((group, g) => [
      [groupPlace(job, g), group] as const,
      ...group.Tasks.map((task, t) => [taskPlace(job, g, t), task] as const),
    ]),
  ];
  for (const [place, noun] of places) {
    if (noun.Affinities.length > 0) yield problem(place, "Affinities", `affinity is not for ${job.Type} jobs: they run on every node`);
    if ((noun.Spreads?.length ?? 0) > 0 && job.Type === "system")
      yield problem(place, "Spreads", `spread is not for ${job.Type} jobs: they run on every node`);
  }
}

interface Placed {
  readonly Constraints: readonly Constraint[];
  readonly Affinities: readonly Affinity[];
  readonly Spreads: readonly Spread[];
}

function* checkNoun(place: Place, noun: Placed, level: "job" | "group" | "task"): Iterable<Finding> {
  for (const [index, constraint] of noun.Constraints.entries()) {
    for (const text of constraintProblems(constraint, level)) {
      yield problem(place, `Constraints[${index}]`, `constraint ${written(constraint)}: ${text}`);
    }
  }
  for (const [index, affinity] of noun.Affinities.entries()) {
    for (const text of affinityProblems(affinity, level))
      yield problem(place, `Affinities[${index}]`, `affinity ${written(affinity)}: ${text}`);
  }
  for (const [index, spread] of noun.Spreads.entries()) {
    for (const text of spreadProblems(spread))
      yield problem(place, `Spreads[${index}]`, `spread over ${JSON.stringify(spread.Attribute)}: ${text}`);
  }
}

export function* constraintProblems(constraint: Constraint, level: "job" | "group" | "task"): Iterable<string> {
  const { LTarget: left, RTarget: right, Operand: operator } = constraint;
  if (!OPERATORS.has(operator)) {
    yield `unknown operator ${JSON.stringify(operator)}: use one of ${CONSTRAINT_OPERATORS.join(", ")}`;
    return;
  }
  if (operator === "distinct_hosts") {
    if (level === "task") yield "distinct_hosts can stand at job or group level only";
    if (!["", "true", "false"].includes(right)) yield `value is ${JSON.stringify(right)}, must be true or false`;
    return;
  }
  if (left === "") yield "attribute is missing";
  if (operator === "distinct_property") {
    if (level === "task") yield "distinct_property can stand at job or group level only";
    if (right !== "" && !(/^\d+$/.test(right) && Number(right) >= 1))
      yield `value is ${JSON.stringify(right)}, must be a whole number of at least 1`;
    return;
  }
  if (operator === "is_set" || operator === "is_not_set") {
    if (right !== "") yield `${operator} takes no value`;
    return;
  }
  if (NEEDS_VALUE.has(operator) && right === "") {
    yield "value is missing";
    return;
  }
  yield* valueProblems(operator, right);
}

/** A side that is looked up on the node is known only there. */
function* valueProblems(operator: string, value: string): Iterable<string> {
  if (value.includes("${")) return;
  if (operator === "regexp") {
    const fault = regularExpressionFault(value);
    if (fault !== null) yield `not a regular expression: ${fault}`;
  }
  if ((operator === "version" || operator === "semver") && !isVersionConstraint(value, operator)) {
    yield `${JSON.stringify(value)} is not a ${operator} constraint such as ">= 1.2.0, < 2.0.0"`;
  }
}

export function* affinityProblems(affinity: Affinity, level: "job" | "group" | "task"): Iterable<string> {
  if (affinity.Operand.startsWith("distinct_")) yield `${affinity.Operand} cannot be an affinity`;
  else yield* constraintProblems(affinity, level);
  if (affinity.Weight === 0 || affinity.Weight < -100 || affinity.Weight > 100)
    yield `weight is ${affinity.Weight}, must be -100 to 100 and not 0`;
}

function* spreadProblems(spread: Spread): Iterable<string> {
  if (spread.Attribute === "") yield "attribute is missing";
  if (spread.Weight < 1 || spread.Weight > 100) yield `weight is ${spread.Weight}, must be 1 to 100`;
  const values = spread.SpreadTarget.map((target) => target.Value);
  if (new Set(values).size < values.length) yield "a target is named twice";
  for (const target of spread.SpreadTarget) {
    if (target.Percent < 0 || target.Percent > 100)
      yield `target ${JSON.stringify(target.Value)}: percent is ${target.Percent}, must be 0 to 100`;
  }
  const total = spread.SpreadTarget.reduce((sum, target) => sum + target.Percent, 0);
  if (total > 100) yield `the targets' percents add up to ${total}, must be at most 100`;
}

function regularExpressionFault(pattern: string): string | null {
  try {
    compilePattern(pattern);
    return null;
  } catch (thrown) {
    return messageOf(thrown).replace(/^Invalid regular expression: /, "");
  }
}

/** As the scheduler reads them: go-version's words. A pre-release without a hyphen (1.2rc1) only in `version`. */
const NUMBERS = String.raw`v?\d+(?:\.\d+)*`;
const PARTS = String.raw`(?:\.[0-9A-Za-z\-~]+)*`;
const BUILD = String.raw`(?:\+[0-9A-Za-z\-~]+${PARTS})?`;
const WORDS = String.raw`[A-Za-z\-~]+[0-9A-Za-z\-~]*${PARTS}`;
const NUMBERED = String.raw`-\d+[0-9A-Za-z\-~]*${PARTS}`;
const VERSION_TERM = new RegExp(String.raw`^\s*(?:=|!=|>=|<=|>|<|~>)?\s*${NUMBERS}(?:${NUMBERED}|-?${WORDS})?${BUILD}\s*$`);
const SEMVER_TERM = new RegExp(String.raw`^\s*(?:=|!=|>=|<=|>|<)?\s*${NUMBERS}(?:${NUMBERED}|-${WORDS})?${BUILD}\s*$`);

function isVersionConstraint(value: string, operator: "version" | "semver"): boolean {
  return value.split(",").every((term) => (operator === "version" ? VERSION_TERM : SEMVER_TERM).test(term));
}

export function written(constraint: Constraint): string {
  return JSON.stringify([constraint.LTarget, constraint.Operand, constraint.RTarget].filter((part) => part !== "").join(" "));
}
