/** While an allocation lives: which of its tasks may begin, and which must stop for another's sake, as things stand (task/lifecycle). */
import { groupWishes, roleOf, stopOrder, taskEvents, type Cause, type GroupWishes, type KillOrder } from "#task";
import { taskNamed, type AllocationCourse } from "./course.ts";
import { OVERTIME_DESCRIPTION, type Halt } from "./progress.ts";

export class AllocationLiving {
  readonly #course: AllocationCourse;
  #stopsBegun = false;

  constructor(course: AllocationCourse) {
    this.#course = course;
  }

  /** Resolves when all its tasks are dead, or the agent goes. */
  async untilDead(): Promise<void> {
    const { memory, tasks, changed } = this.#course;
    while (!memory.detached && ![...tasks.values()].every((task) => task.dead)) {
      const next = changed();
      this.#weigh();
      await next;
    }
  }

  wishes(): GroupWishes {
    const { group, memory, stopping } = this.#course;
    const members = group().Tasks.map((task) => {
      const machine = this.#task(task.Name).machine;
      return { task, state: machine.state, waiting: machine.phase === "waiting" };
    });
    return groupWishes(members, stopping(), memory.progress.halted === "overtime");
  }

  #weigh(): void {
    const { memory, stopping } = this.#course;
    const group = this.#course.group();
    if (stopping() && !this.#stopsBegun) {
      this.#stopsBegun = true;
      void this.#stopInWaves(
        group.Tasks.filter((task) => roleOf(task) !== "poststop").map((task) => task.Name),
        null,
      );
    }
    if (memory.progress.halted === "overtime") {
      for (const task of group.Tasks) if (roleOf(task) === "poststop") this.#task(task.Name).kill(this.#order(null));
    }
    const wishes = this.wishes();
    for (const name of wishes.forgo) this.#task(name).kill({ because: null, reason: "" });
    for (const name of wishes.begin) this.#task(name).begin();
    const due = wishes.stop.filter((each) => this.#task(each.task).machine.killedAt === null);
    if (due.length > 0 && !stopping())
      void this.#stopInWaves(
        due.map((each) => each.task),
        (due[0] as { cause: Cause }).cause,
      );
  }

  /** The leader first and alone, then the others together, sidecars last. */
  async #stopInWaves(names: readonly string[], cause: Cause | null): Promise<void> {
    const { group, memory, changed } = this.#course;
    for (const wave of stopOrder(group().Tasks)) {
      const due = wave.filter((name) => names.includes(name));
      for (const name of due) this.#task(name).kill(this.#order(cause));
      while (!memory.detached && !due.every((name) => this.#task(name).dead)) await changed();
      if (memory.detached) return;
    }
  }

  #order(cause: Cause | null): KillOrder {
    const { world, memory } = this.#course;
    const now = world.clock.nowNs();
    if (cause === null) return { because: null, reason: haltReason(memory.progress.halted) };
    if (cause.what === "sibling") return { because: taskEvents.siblingFailed(now, cause.task), reason: "" };
    return { because: cause.what === "leader" ? taskEvents.leaderDead(now) : taskEvents.mainTasksDead(now), reason: "" };
  }

  #task(name: string) {
    return taskNamed(this.#course, name);
  }
}

function haltReason(halted: Halt | null): string {
  if (halted === "overtime") return OVERTIME_DESCRIPTION;
  return halted === "alone" ? "no server was heard of for longer than disconnect.stop_on_client_after" : "";
}
