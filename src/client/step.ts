/**
 * Pipelines one can read: an array of named steps, each a file. A step may act at three moments:
 *
 *   enter   before: the steps in their order
 *   exit    after each run: the steps in reverse
 *   leave   for good, nothing will run again: the steps in reverse
 *   resume  the agent was away and found what was entered still alive: every step by itself, and nobody waits for it
 *
 * Each moment may be repeated after a kill -9 in the middle of it, so each must go on where it stopped. A kill point stands
 * before and after each; the live test dies at every one of them. (Resuming has none: it makes nothing that was not there.)
 */
export type Moment = "enter" | "exit" | "leave" | "resume";

export interface Step<Context> {
  readonly name: string;
  enter?(context: Context): Promise<void> | void;
  exit?(context: Context): Promise<void> | void;
  leave?(context: Context): Promise<void> | void;
  resume?(context: Context): Promise<void> | void;
}

export interface Pipeline<Context> {
  readonly name: string;
  readonly steps: readonly Step<Context>[];
}

/** Called with `${pipeline}.${step}.${moment}.${before|after}`. In production it does nothing. */
export type KillPoint = (name: string) => void;

/** Stops between two steps when `interrupted` says so; resolves to whether every step was entered. */
export async function enterSteps<Context>(
  pipeline: Pipeline<Context>,
  context: Context,
  killPoint: KillPoint,
  interrupted: () => boolean,
  onFailure: (step: Step<Context>, thrown: unknown) => void,
): Promise<boolean> {
  for (const step of pipeline.steps) {
    if (interrupted()) return false;
    if (step.enter === undefined) continue;
    killPoint(`${pipeline.name}.${step.name}.enter.before`);
    try {
      await step.enter(context);
    } catch (thrown) {
      onFailure(step, thrown);
      return false;
    }
    killPoint(`${pipeline.name}.${step.name}.enter.after`);
  }
  return true;
}

/** Every step gets its turn, whatever the others do; the first failure is given back. */
export async function unwindSteps<Context>(
  pipeline: Pipeline<Context>,
  context: Context,
  moment: "exit" | "leave",
  killPoint: KillPoint,
): Promise<{ readonly step: string; readonly thrown: unknown } | undefined> {
  let failure: { step: string; thrown: unknown } | undefined;
  for (const step of pipeline.steps.toReversed()) {
    const act = step[moment];
    if (act === undefined) continue;
    killPoint(`${pipeline.name}.${step.name}.${moment}.before`);
    try {
      await act.call(step, context);
    } catch (thrown) {
      failure ??= { step: step.name, thrown };
    }
    killPoint(`${pipeline.name}.${step.name}.${moment}.after`);
  }
  return failure;
}

/** All begin at once: what waits for servers holds up nothing else. */
export function resumeSteps<Context>(
  pipeline: Pipeline<Context>,
  context: Context,
  onFailure: (step: Step<Context>, thrown: unknown) => void,
): void {
  for (const step of pipeline.steps) {
    if (step.resume === undefined) continue;
    const resume = async () => step.resume?.(context);
    resume().catch((thrown: unknown) => onFailure(step, thrown));
  }
}

/** Every kill point a pipeline has. */
export function killPointsOf(pipeline: Pipeline<never>): readonly string[] {
  return pipeline.steps.flatMap((step) =>
    (["enter", "exit", "leave"] as const)
      .filter((moment) => step[moment] !== undefined)
      .flatMap((moment) => [`${pipeline.name}.${step.name}.${moment}.before`, `${pipeline.name}.${step.name}.${moment}.after`]),
  );
}
