/** What our server plans for the recorded edits, beside what Nomad planned. */
import { parseJob } from "#jobspec";
import { startWorld, type World } from "../../simulation/world.ts";
import { factsOf, type Facts } from "../job-oracle/facts.ts";
import { ALLOWED, type Allowance } from "./allowed.ts";
import type { PlanAnswer } from "./answers.ts";
import { base, EDITS, edited } from "./edits.ts";
import { linesOf } from "./lines.ts";

export interface Difference {
  readonly edit: string;
  /** A line of the diff; `updates web.Place`; "refused". */
  readonly path: string;
  readonly theirs: string | undefined;
  readonly ours: string | undefined;
}

/** A server with one node of every driver wanted, on which the base job runs and is healthy. */
export async function withBaseJob(act: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld({ seed: 1 });
  try {
    const healthy = { Attributes: {}, Detected: true, Healthy: true, HealthDescription: "Healthy", UpdateTime: "2026-01-01T00:00:00Z" };
    const attributes = {
      "driver.raw_exec": "1",
      "driver.exec": "1",
      "nomad.service_discovery": "true",
      "os.signals": "SIGHUP,SIGINT,SIGTERM",
    };
    await world.addNode({ name: "n1", attributes, drivers: { raw_exec: healthy, exec: healthy } });
    await world.server.registerJob({ Job: parsed(base) });
    await world.clock.advance(60_000);
    await act(world);
  } finally {
    await world.close();
  }
}

export async function differences(world: World, answers: readonly PlanAnswer[]): Promise<Difference[]> {
  const byName = new Map(answers.map((each) => [each.name, each]));
  const found: Difference[] = [];
  for (const edit of EDITS) {
    const theirs = byName.get(edit.name) ?? { name: edit.name };
    const ours = await planned(world, edited(edit), edit.name);
    found.push(...compared(theirs, ours));
  }
  return found;
}

async function planned(world: World, text: string, name: string): Promise<PlanAnswer & { readonly why?: string }> {
  try {
    const { Diff, Annotations } = await world.server.planJob({ Job: parsed(text), Diff: true });
    return { name, diff: linesOf(Diff), updates: factsOf(Annotations?.DesiredTGUpdates ?? null) };
  } catch (thrown) {
    return { name, refused: true, why: (thrown as Error).message };
  }
}

function compared(theirs: PlanAnswer, ours: PlanAnswer & { readonly why?: string }): Difference[] {
  if (theirs.refused || ours.refused) {
    if (theirs.refused === ours.refused) return [];
    return [{ edit: theirs.name, path: "refused", theirs: theirs.refused && "refused", ours: ours.why }];
  }
  return [
    ...sides(theirs.name, "", theirs.diff ?? {}, ours.diff ?? {}),
    ...sides(theirs.name, "updates ", theirs.updates ?? {}, ours.updates ?? {}),
  ];
}

function sides(edit: string, kind: string, theirs: Facts, ours: Facts): Difference[] {
  const text = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));
  return [...new Set([...Object.keys(theirs), ...Object.keys(ours)])]
    .filter((path) => theirs[path] !== ours[path])
    .map((path) => ({ edit, path: kind + path, theirs: text(theirs[path]), ours: text(ours[path]) }));
}

export function allowance(difference: Difference): Allowance | undefined {
  return ALLOWED.find(
    (rule) =>
      rule.path.test(difference.path) &&
      (rule.edits === undefined || rule.edits.includes(difference.edit)) &&
      (rule.when?.(difference) ?? true),
  );
}

function parsed(text: string): unknown {
  return parseJob({ text, fileName: "plan.hcl", variableFiles: [], environment: {}, allowFileFunctions: false }).job;
}
