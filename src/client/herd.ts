/**
 * The allocations of this node: what the servers want against what is here.
 *
 *   told ──► known? ──► update it                          gone ──► stop it if it runs, then remove what is left
 *            new, wanted ──► is it on the machine already, though forgotten? adopt it : start it
 *            new, over   ──► nothing (say so, if the servers still wait for the word)
 */
import { clientTerminal, serverTerminal, type Allocation, type AllocationId } from "#model";
import type { AllocationsChanged } from "#ports";
import { messageOf } from "#std";
import { AllocationRunner } from "./allocation/runner.ts";
import { clientUpdate, groupOf, newProgress, readProgress, type AllocationProgress } from "./allocation/progress.ts";
import type { Leftovers } from "./garbage/leftovers.ts";
import { judge, NOTHING_SEEN, type Seen } from "./node/obedience.ts";
import type { Reported } from "./node/reporter.ts";
import type { ClientWorld } from "./world.ts";

export interface HerdNeeds {
  readonly world: ClientWorld;
  readonly leftovers: Leftovers;
  /** An allocation has something to tell. */
  readonly mark: (id: AllocationId, urgent: boolean) => void;
  /** One more is over: there may be too many now. */
  readonly ended: () => void;
}

export class Herd {
  readonly #needs: HerdNeeds;
  readonly #runners = new Map<AllocationId, AllocationRunner>();
  /** Ended before they began: the servers are told, nothing else is kept. */
  readonly #stillborn = new Map<AllocationId, Allocation>();
  #seen: Seen;
  #detached = false;
  #stopping = false;
  /** Changes are taken one after the other: adoption looks at the machine in between. */
  #turn: Promise<void> = Promise.resolve();

  constructor(needs: HerdNeeds) {
    this.#needs = needs;
    this.#seen = (needs.world.store.fact("seen") as Seen | undefined) ?? NOTHING_SEEN;
  }

  get runners(): ReadonlyMap<AllocationId, AllocationRunner> {
    return this.#runners;
  }

  /** Takes up what the store remembers. Nothing is started before `begin`. */
  restore(): void {
    for (const { allocation, progress } of this.#needs.world.store.allocations()) {
      const group = groupOf(allocation);
      if (group === undefined) {
        this.#needs.world.report({
          level: "error",
          message: "stored allocation names a group its job has not; forgotten",
          fields: { alloc_id: allocation.ID },
        });
        continue;
      }
      this.#add(allocation, progress === undefined ? newProgress(group, this.#needs.world.clock.nowNs()) : readProgress(progress));
    }
  }

  begin(): void {
    for (const runner of this.#runners.values()) this.#launch(runner);
  }

  /** What the servers say. Resolves when it has been taken in. */
  accept(change: AllocationsChanged): Promise<void> {
    this.#turn = this.#turn
      .then(() => this.#accept(change))
      .catch((thrown: unknown) => {
        this.#needs.world.report({ level: "error", message: "allocations could not be taken in", fields: { problem: messageOf(thrown) } });
      });
    return this.#turn;
  }

  describe(id: AllocationId): Reported | undefined {
    const runner = this.#runners.get(id);
    if (runner !== undefined) {
      const progress = runner.progress;
      return { update: clientUpdate(runner.allocation, progress), acknowledged: () => runner.acknowledge(progress) };
    }
    const stillborn = this.#stillborn.get(id);
    if (stillborn === undefined) return undefined;
    return {
      update: {
        ID: id,
        NodeID: stillborn.NodeID,
        ClientStatus: "complete",
        ClientDescription: "Stopped before it was started",
        TaskStates: stillborn.TaskStates,
      },
      acknowledged: () => void this.#stillborn.delete(id),
    };
  }

  /** Resolves when the allocation is over here, or was never here. */
  async over(id: AllocationId): Promise<void> {
    await this.#runners.get(id)?.whenOver;
  }

  /** Resolves when of each it is known how its network stands: from then on they offer what they offer. */
  async networksKnown(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.networkKnown));
  }

  /** Removes an ended allocation's remains. */
  async remove(runner: AllocationRunner): Promise<void> {
    await runner.remove();
    if (!this.#detached && this.#runners.get(runner.id) === runner) this.#runners.delete(runner.id);
  }

  /** All end, and no other is begun: what the servers place again meanwhile is not for a node that goes. Resolves with those that were here. */
  async stopAll(): Promise<readonly AllocationRunner[]> {
    this.#stopping = true;
    const runners = [...this.#runners.values()];
    for (const runner of runners) runner.stop();
    await Promise.all(runners.map((runner) => runner.whenOver));
    return runners;
  }

  detach(): void {
    this.#detached = true;
    for (const runner of this.#runners.values()) runner.detach();
  }

  async #accept(change: AllocationsChanged): Promise<void> {
    if (this.#detached) return;
    const { world, leftovers } = this.#needs;
    const verdict = judge(this.#seen, change, this.#runners.keys());
    if (!verdict.obey) {
      world.report({ level: "warn", message: `allocations not taken from the servers: ${verdict.why}`, fields: {} });
      return;
    }
    world.store.saveFact("seen", verdict.seen);
    this.#seen = verdict.seen;
    for (const id of verdict.gone) this.#gone(id);
    for (const allocation of verdict.told) {
      if (this.#detached) return;
      await this.#told(allocation);
    }
    if (change.Complete)
      await leftovers.settle(
        new Set([...this.#runners.keys(), ...change.Changed.filter((each) => !clientTerminal(each)).map((each) => each.ID)]),
      );
  }

  async #told(allocation: Allocation): Promise<void> {
    const runner = this.#runners.get(allocation.ID);
    if (runner !== undefined) {
      if (allocation.AllocModifyIndex >= runner.allocation.AllocModifyIndex) runner.update(allocation);
      // The servers believe something else of it (lost, unknown, an old word): say it again.
      const here = clientUpdate(runner.allocation, runner.progress);
      if (allocation.ClientStatus !== here.ClientStatus) this.#needs.mark(allocation.ID, true);
      return;
    }
    const group = groupOf(allocation);
    if (clientTerminal(allocation) || group === undefined || this.#stopping) return;
    if (serverTerminal(allocation)) {
      await this.#needs.leftovers.sweep(allocation.ID);
      this.#stillborn.set(allocation.ID, allocation);
      this.#needs.mark(allocation.ID, true);
      return;
    }
    const adopted = await this.#needs.leftovers.adopt(allocation, group);
    if (this.#detached || this.#stopping) return;
    const added = this.#add(allocation, adopted ?? newProgress(group, this.#needs.world.clock.nowNs()));
    if (adopted !== undefined) {
      this.#needs.world.store.saveAllocation(allocation);
      this.#needs.world.store.saveProgress(allocation.ID, adopted);
    }
    this.#launch(added);
  }

  #removeSoon(runner: AllocationRunner): void {
    this.remove(runner).catch((thrown: unknown) => {
      this.#needs.world.report({
        level: "error",
        message: "allocation could not be removed",
        fields: { alloc_id: runner.id, problem: messageOf(thrown) },
      });
    });
  }

  #gone(id: AllocationId): void {
    this.#stillborn.delete(id);
    const runner = this.#runners.get(id);
    if (runner === undefined) return;
    if (runner.isOver) this.#removeSoon(runner);
    else runner.discard();
  }

  #add(allocation: Allocation, progress: AllocationProgress): AllocationRunner {
    const runner = new AllocationRunner({
      world: this.#needs.world,
      allocation,
      progress,
      over: (id) => this.over(id),
      changed: (changed, urgent) => this.#needs.mark(changed.id, urgent),
    });
    this.#runners.set(allocation.ID, runner);
    return runner;
  }

  #launch(runner: AllocationRunner): void {
    if (!runner.progress.acknowledged) this.#needs.mark(runner.id, false);
    runner.start();
    void runner.whenOver.then(() => {
      if (this.#detached) return;
      if (runner.progress.unwanted || runner.phase === "leaving") this.#removeSoon(runner);
      else this.#needs.ended();
    });
  }
}
