/**
 * Which nodes could run the group at all, and why the others cannot. The checks, in order (nomad.md §6.2 item 3):
 *
 *   job constraints ─► drivers ─► group and task constraints ─► devices ─► network ─► host volumes
 *
 * distinct_hosts and distinct_property come after them, when nodes are ranked: their answers change while placing (distinct.ts).
 * Constraints that name no unique attribute have one answer for a whole computed class and are asked once per class; the rest is
 * asked of every node. What it learns of classes says which changes may unblock the evaluation.
 */
import type { Constraint, Job, Node, TaskGroup } from "#model";
import { compileConstraint, type NodeTest } from "./constraint.ts";
import { deviceRequests, hasDevices, MISSING_DEVICES } from "./devices/request.ts";
import { isDistinct } from "./distinct.ts";
import { driversOf, hasDetectedDrivers, hasHealthyDrivers, MISSING_DRIVERS } from "./drivers.ts";
import { missingNetwork } from "./network.ts";
import { missingVolumes } from "./volumes.ts";

export interface GroupChecks {
  /** Why the node is out; undefined when it could run the group. */
  refusal(node: Node): string | undefined;
  /** Computed class → could any node of it run the group, as far as the nodes asked so far tell. */
  readonly classes: ReadonlyMap<string, boolean>;
  /** Some constraint names a unique attribute: a class says nothing. */
  readonly escapes: boolean;
}

export function groupChecks(job: Job, group: TaskGroup): GroupChecks {
  const jobTests = compile(job.Constraints);
  const groupTests = compile([...group.Constraints, ...group.Tasks.flatMap((task) => task.Constraints)]);
  const answers = new ClassAnswers(jobTests, groupTests);
  const drivers = driversOf(group);
  const classes = new Map<string, boolean>();
  const others = otherChecks(group);

  const refusal = (node: Node): string | undefined => {
    const { job: ofJob, group: ofGroup } = answers.of(node);
    const healthy = hasHealthyDrivers(node, drivers);
    const possible = ofJob === undefined && ofGroup === undefined && (healthy || hasDetectedDrivers(node, drivers));
    if (!classes.has(node.ComputedClass) || (possible && classes.get(node.ComputedClass) === false))
      classes.set(node.ComputedClass, possible);
    const reason = ofJob ?? (healthy ? undefined : MISSING_DRIVERS) ?? ofGroup;
    return reason === undefined && others.length > 0 ? firstReason(others, node) : reason;
  };
  return { refusal, classes, escapes: [...jobTests, ...groupTests].some((test) => test.escapes) };
}

type Check = (node: Node) => string | undefined;

/** Those the group gives reason for: most ask for no devices, ports or volumes. */
function otherChecks(group: TaskGroup): readonly Check[] {
  const requests = deviceRequests(group);
  const checks: Check[] = [];
  if (requests.length > 0) checks.push((node) => (hasDevices(requests, node.NodeResources.Devices) ? undefined : MISSING_DEVICES));
  if (group.Networks.length > 0) checks.push((node) => missingNetwork(node, group));
  if (Object.keys(group.Volumes).length > 0) checks.push((node) => missingVolumes(node, group));
  return checks;
}

function firstReason(checks: readonly Check[], node: Node): string | undefined {
  for (const check of checks) {
    const reason = check(node);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function compile(constraints: readonly Constraint[]): readonly NodeTest[] {
  return constraints.filter((constraint) => !isDistinct(constraint)).map(compileConstraint);
}

/** What the job's constraints and the group's say of a node: the text of the first that does not hold. */
interface Answer {
  readonly job: string | undefined;
  readonly group: string | undefined;
}

const FINE: Answer = { job: undefined, group: undefined };

/** The answers of the constraints, remembered per computed class where that is sound. */
class ClassAnswers {
  readonly #job: readonly NodeTest[];
  readonly #group: readonly NodeTest[];
  readonly #escapes: boolean;
  readonly #known = new Map<string, Answer>();

  constructor(job: readonly NodeTest[], group: readonly NodeTest[]) {
    this.#job = job;
    this.#group = group;
    this.#escapes = [...job, ...group].some((test) => test.escapes);
  }

  of(node: Node): Answer {
    if (this.#job.length + this.#group.length === 0) return FINE;
    const shared = this.#shared(node);
    if (!this.#escapes) return shared;
    const own = (tests: readonly NodeTest[]) => tests.find((test) => test.escapes && !test.passes(node))?.text;
    return { job: shared.job ?? own(this.#job), group: shared.group ?? own(this.#group) };
  }

  #shared(node: Node): Answer {
    const known = this.#known.get(node.ComputedClass);
    // A node that has not told its class is a class of its own.
    if (known !== undefined && node.ComputedClass !== "") return known;
    const first = (tests: readonly NodeTest[]) => tests.find((test) => !test.escapes && !test.passes(node))?.text;
    const answer = { job: first(this.#job), group: first(this.#group) };
    this.#known.set(node.ComputedClass, answer);
    return answer;
  }
}
