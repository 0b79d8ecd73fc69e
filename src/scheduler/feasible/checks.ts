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
  const jobAnswers = new ClassAnswers(jobTests);
  const groupAnswers = new ClassAnswers(groupTests);
  const drivers = driversOf(group);
  const wantsDevices = group.Tasks.some((task) => (task.Resources?.Devices.length ?? 0) > 0);
  const classes = new Map<string, boolean>();

  const refusal = (node: Node): string | undefined => {
    const byClass = jobAnswers.refusal(node) ?? groupAnswers.refusal(node);
    const possible = byClass === undefined && hasDetectedDrivers(node, drivers);
    if (possible || !classes.has(node.ComputedClass)) classes.set(node.ComputedClass, possible);
    return (
      jobAnswers.refusal(node) ??
      (hasHealthyDrivers(node, drivers) ? undefined : MISSING_DRIVERS) ??
      groupAnswers.refusal(node) ??
      (wantsDevices ? "missing devices" : undefined) ??
      missingNetwork(node, group) ??
      missingVolumes(node, group)
    );
  };
  return { refusal, classes, escapes: [...jobTests, ...groupTests].some((test) => test.escapes) };
}

function compile(constraints: readonly Constraint[]): readonly NodeTest[] {
  return constraints.filter((constraint) => !isDistinct(constraint)).map(compileConstraint);
}

/** The answers of a list of constraints, remembered per computed class where that is sound. */
class ClassAnswers {
  readonly #shared: readonly NodeTest[];
  readonly #escaping: readonly NodeTest[];
  readonly #known = new Map<string, string | undefined>();

  constructor(tests: readonly NodeTest[]) {
    this.#shared = tests.filter((test) => !test.escapes);
    this.#escaping = tests.filter((test) => test.escapes);
  }

  refusal(node: Node): string | undefined {
    return this.#sharedRefusal(node) ?? this.#escaping.find((test) => !test.passes(node))?.text;
  }

  #sharedRefusal(node: Node): string | undefined {
    if (this.#shared.length === 0) return undefined;
    // A node that has not told its class is a class of its own.
    if (node.ComputedClass !== "" && this.#known.has(node.ComputedClass)) return this.#known.get(node.ComputedClass);
    const reason = this.#shared.find((test) => !test.passes(node))?.text;
    if (node.ComputedClass !== "") this.#known.set(node.ComputedClass, reason);
    return reason;
  }
}
