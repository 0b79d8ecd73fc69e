/**
 * The tasks of a group wait for each other, and die for each other. Pure: states in, wishes out. nomad.md §2.5.
 *
 *   prestart ─► main ─► poststart ─► … ─► all main tasks dead ─► sidecars stopped, poststop
 *
 * - prestart: an ephemeral one must have ended well, a sidecar must run, before main tasks begin.
 * - poststart: begins when every main task runs (or has run).
 * - poststop: begins when every main task is dead; also when the group is killed; never when no main task ever ran.
 * - A failed task (not a poststop) takes its siblings with it; so does a dead leader. When only sidecars are left, they go too.
 */
import type { Task, TaskState } from "#model";

export type Role = "prestart" | "sidecar" | "main" | "poststart" | "poststop";

export function roleOf(task: Pick<Task, "Lifecycle">): Role {
  const hook = task.Lifecycle?.Hook ?? "";
  if (hook === "poststop") return "poststop";
  if (hook === "prestart") return task.Lifecycle?.Sidecar === true ? "sidecar" : "prestart";
  if (hook === "poststart") return "poststart";
  return "main";
}

/** Why a task is to be stopped for the sake of another. */
export type Cause = { readonly what: "sibling"; readonly task: string } | { readonly what: "leader" } | { readonly what: "main" };

export interface GroupWishes {
  /** Tasks that wait and may now begin. */
  readonly begin: readonly string[];
  /** Tasks that wait and never will begin. */
  readonly forgo: readonly string[];
  readonly stop: readonly { readonly task: string; readonly cause: Cause }[];
  /** The group is on its way out: nothing of it is to be called back. */
  readonly ending: boolean;
}

export interface GroupMember {
  readonly task: Task;
  readonly state: TaskState;
  /** It has not been allowed to begin yet. */
  readonly waiting: boolean;
}

/** `killed`: the whole group is to end; `forgoPoststop`: and without its last words. */
export function groupWishes(members: readonly GroupMember[], killed: boolean, forgoPoststop = false): GroupWishes {
  const begin: string[] = [];
  const forgo: string[] = [];
  const stop: { task: string; cause: Cause }[] = [];
  const of = (...roles: Role[]) => members.filter((each) => roles.includes(roleOf(each.task)));
  const dead = (each: GroupMember) => each.state.State === "dead";

  const failed = members.find((each) => dead(each) && each.state.Failed && roleOf(each.task) !== "poststop");
  const leader = members.find((each) => each.task.Leader && dead(each) && !each.state.Failed);
  const mains = of("main");
  const mainsDead = mains.length > 0 && mains.every(dead);
  const cause: Cause | undefined =
    failed !== undefined
      ? { what: "sibling", task: failed.task.Name }
      : leader !== undefined
        ? { what: "leader" }
        : mainsDead
          ? { what: "main" }
          : undefined;
  const ending = killed || cause !== undefined;

  const prestartReady = of("prestart", "sidecar").every((each) =>
    roleOf(each.task) === "sidecar" ? each.state.State === "running" || each.state.StartedAt !== null : dead(each) && !each.state.Failed,
  );
  const mainsStarted = mains.every((each) => each.state.State === "running" || each.state.StartedAt !== null);
  const mainsEverStarted = mains.some((each) => each.state.StartedAt !== null || each.state.Restarts > 0);
  const nothingElseLives = members.every((each) => roleOf(each.task) === "poststop" || roleOf(each.task) === "sidecar" || dead(each));

  for (const each of members) {
    const role = roleOf(each.task);
    const name = each.task.Name;
    if (dead(each)) continue;
    if (role === "poststop") {
      if (each.waiting && forgoPoststop) forgo.push(name);
      else if (each.waiting && ending && nothingElseLives) (mainsEverStarted ? begin : forgo).push(name);
      continue;
    }
    if (ending) {
      // An ephemeral task that came after the main ones may finish its work; a failure or a dead leader ends it too.
      if (cause?.what === "main" && (role === "poststart" || role === "prestart") && each.task.Lifecycle?.Sidecar !== true && !killed) {
        if (each.waiting) forgo.push(name);
        continue;
      }
      if (each.waiting) forgo.push(name);
      else if (cause !== undefined) stop.push({ task: name, cause });
      continue;
    }
    if (!each.waiting) continue;
    if (role === "prestart" || role === "sidecar") begin.push(name);
    else if (role === "main" && prestartReady) begin.push(name);
    else if (role === "poststart" && prestartReady && mainsStarted) begin.push(name);
  }
  return { begin, forgo, stop, ending };
}

/** The waves in which a group is stopped: the leader first and alone, then the others, sidecars last. Poststop tasks are not stopped. */
export function stopOrder(tasks: readonly Task[]): readonly (readonly string[])[] {
  const rest = tasks.filter((each) => !each.Leader && roleOf(each) !== "poststop");
  const sidecar = (each: Task) => each.Lifecycle?.Sidecar === true;
  return [
    tasks.filter((each) => each.Leader).map((each) => each.Name),
    rest.filter((each) => !sidecar(each)).map((each) => each.Name),
    rest.filter(sidecar).map((each) => each.Name),
  ].filter((wave) => wave.length > 0);
}
