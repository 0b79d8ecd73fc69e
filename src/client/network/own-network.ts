/**
 * The network of one allocation, from before its tasks to after them. The machine is the truth: after a restart of the agent it is looked at,
 * and what is not whole is made anew, its tasks with it.
 *
 *            enter                  lost (its holder ended), not whole when the agent comes back or looks twice (settling.ts)
 *   (none) ────────► set up ──► whole ◄───────────────────────────────────────────────────────────────┐
 *                      │          │                                                                    │
 *                      │ hopeless └──► tasks are sent out: each stops, and waits at `ready` ──► torn down, set up
 *                      ▼
 *                 the allocation fails, so that it is placed elsewhere
 *
 * A driver whose tasks can only join a namespace of its own making (docker) makes it first (NetworkHolder); who holds nothing of it has nothing
 * held for him. What is tried again is what may go by: a plugin that failed, a subnet that is full, a port that is not free yet.
 */
import type { Allocation, AllocNetworkStatus, Task, TaskEvent, TaskGroup } from "#model";
import type { AllocationNetwork, Driver, NetworkHold, Networks, TaskNetwork } from "#ports";
import { messageOf, NamedError } from "#std";
import { buildEnvironment, taskEvents, type TaskPhase } from "#task";
import { visiblePaths } from "../execution/place.ts";
import { orAborted } from "../or-aborted.ts";
import type { ClientWorld } from "../world.ts";
import { networkRequest, ownMode } from "./request.ts";

/** A task as it is sent out of a network that is to go. */
export interface Resident {
  readonly machine: { readonly phase: TaskPhase };
  restart(reason: string): boolean;
}

export interface OwnNetworkNeeds {
  readonly world: Pick<ClientWorld, "networks" | "networkBook" | "drivers" | "clock" | "settings" | "node" | "report">;
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  /** `<alloc_dir>/<id>` */
  readonly directory: string;
  readonly tasks: () => ReadonlyMap<string, Resident>;
  /** It is to end, or the agent goes. */
  readonly interrupted: () => boolean;
  readonly interruption: Promise<void>;
  /** Resolves with the next change of any task. */
  readonly changed: () => Promise<void>;
  /** Whoever waits for a change looks again. */
  readonly nudge: () => void;
  readonly tellTasks: (event: TaskEvent) => void;
}

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
/** About 15 s: another node may do better. With tasks that ran here, 45 s. */
const TRIES_FIRST = 6;
const TRIES_AGAIN = 8;

/** Trying again changes nothing: somebody has to mend the machine or the job. */
const HOPELESS = new Set(["NETWORK_PLUGIN_MISSING", "NETWORK_UNKNOWN", "NETWORK_UNSUPPORTED", "NETWORK_DRIVER_UNABLE"]);

export class OwnNetwork {
  readonly #needs: OwnNetworkNeeds;
  readonly #ending = new AbortController();
  /** Whose tasks wait for it. */
  readonly #held = new Set<string>();
  #hold: { readonly driver: string; readonly reference: string } | undefined;
  #closed = false;
  #opened = Promise.withResolvers<void>();
  #failure: NamedError | undefined;
  readonly #known = Promise.withResolvers<void>();
  #looked = false;
  #missed = false;
  #watched = new AbortController();

  constructor(needs: OwnNetworkNeeds) {
    this.#needs = needs;
    void needs.interruption.then(() => this.#ending.abort());
  }

  /** It has one at all. */
  get wanted(): boolean {
    return ownMode(this.#needs.group()) !== undefined;
  }

  /** Tasks may be in it: what the allocation offers can be reached. */
  get whole(): boolean {
    return !this.wanted || (!this.#closed && this.#needs.world.networkBook.of(this.#id) !== undefined);
  }

  /** It is known how it stands: before that nothing is offered, and nothing taken back (the agent was away, and services are as they were). */
  get looked(): boolean {
    return this.#looked || !this.wanted;
  }

  /** Resolves when `looked`, or when there is nothing to look at. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Before its tasks. Rejects with a NamedError whose message says the fix too; interrupted, it resolves with nothing set up. */
  async enter(): Promise<void> {
    this.#settled();
    if (this.wanted) await this.#setUp(TRIES_FIRST);
  }

  /** After its tasks, and again when its remains are removed. */
  async exit(): Promise<void> {
    this.#settled();
    if (!this.wanted) return;
    this.#watched.abort();
    await this.#clear();
  }

  /** Its tasks do not run (yet, or any more): it is set up or taken down by steps. */
  nothingToLookAt(): void {
    this.#known.resolve();
  }

  /** The agent was away. Resolves when it is known how the network stands, at the latest with the first look. */
  async resume(): Promise<void> {
    if (!this.wanted) {
      this.#settled();
      return;
    }
    try {
      await this.#look();
    } catch (thrown) {
      this.#report("warn", "the allocation's network could not be looked at, trying again", { problem: messageOf(thrown) });
      this.#close();
      void this.#lookUntilKnown();
    }
  }

  /**
   * While its tasks run: is it still whole? What is not, twice in a row, was neither mended by settling nor is just being mended. Rejects when it
   * cannot be looked at.
   */
  async lookAgain(): Promise<void> {
    if (!this.wanted || this.#closed || this.#needs.interrupted() || this.#needs.world.networkBook.of(this.#id) === undefined) return;
    if ((await this.#networks().find(this.#id)) !== undefined) this.#missed = false;
    else if (!this.#missed) this.#missed = true;
    else if (!this.#closed && !this.#needs.interrupted()) {
      this.#missed = false;
      this.#renew("it is not whole any more");
    }
  }

  /** The agent goes: nobody waits for anything any more. */
  detach(): void {
    this.#watched.abort();
  }

  /** Resolves when a task may be started in it. Rejects when there will be none, or when the signal aborts. */
  async ready(task: string, signal: AbortSignal): Promise<void> {
    while (this.#closed && !signal.aborted) {
      this.#held.add(task);
      this.#needs.nudge();
      await orAborted(this.#opened.promise, signal).finally(() => this.#held.delete(task));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What a task of this driver joins; undefined: the machine's network. */
  joinedBy(driver: Pick<Driver, "name">): TaskNetwork | undefined {
    const network = this.#needs.world.networkBook.of(this.#id);
    if (!this.wanted || network === undefined) return undefined;
    const { namespacePath, hostname, files } = network;
    return { namespacePath, hostname, files, holder: this.#hold?.driver === driver.name ? this.#hold.reference : "" };
  }

  get #id() {
    return this.#needs.allocation().ID;
  }

  async #look(): Promise<void> {
    const found = (await this.#networks().find(this.#id)) ?? (await this.#mended());
    const holder = this.#holder();
    const hold = await holder?.networkHolder?.find(this.#id);
    if (found !== undefined && (holder === undefined || hold !== undefined)) {
      this.#taken(found, holder, hold);
      return;
    }
    this.#renew(found === undefined ? "its network is gone from the machine" : `what ${holder?.name} held its network with is gone`);
  }

  /** What the agent's start did not get to mend (rules that were flushed meanwhile) is tried once more, before its tasks pay for it; its own alone: all its neighbours may ask. */
  async #mended(): Promise<AllocationNetwork | undefined> {
    for (const each of await this.#networks().mend(this.#id)) this.#report("warn", `networks: ${each}`, {});
    return this.#networks().find(this.#id);
  }

  async #lookUntilKnown(): Promise<void> {
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      await this.#rest(waitMs);
      if (this.#needs.interrupted()) return;
      try {
        await this.#look();
        if (this.#needs.world.networkBook.of(this.#id) !== undefined) this.#open();
        return;
      } catch {
        // Said once.
      }
    }
  }

  #settled(): void {
    this.#looked = true;
    this.#known.resolve();
  }

  /** Its tasks are started anew, on a new network. */
  #renew(reason: string): void {
    this.#settled();
    this.#watched.abort();
    this.#close();
    this.#report("warn", "the allocation's network is set up anew, and its tasks with it", { reason });
    void this.#renewed(`Network lost: ${reason}`).catch((thrown: unknown) =>
      this.#report("error", "the allocation's network could not be renewed", { problem: messageOf(thrown) }),
    );
  }

  async #renewed(reason: string): Promise<void> {
    await this.#sendOut(reason);
    if (this.#needs.interrupted()) return;
    try {
      await this.#setUp(TRIES_AGAIN, true);
    } catch (thrown) {
      this.#failure = thrown instanceof NamedError ? thrown : new NamedError("NETWORK_FAILED", messageOf(thrown));
    }
    if (!this.#needs.interrupted()) this.#open();
  }

  /** Resolves when no process of the allocation can be in the old network any more. */
  async #sendOut(reason: string): Promise<void> {
    for (;;) {
      const changed = this.#needs.changed();
      const inside = [...this.#needs.tasks()].filter(([name, { machine }]) => !this.#held.has(name) && !outside(machine.phase));
      if (inside.length === 0 || this.#needs.interrupted()) return;
      for (const [, task] of inside) task.restart(reason);
      await changed;
    }
  }

  async #setUp(triesMax: number, anew = false): Promise<void> {
    for (let attempt = 1, waitMs = RETRY_FIRST_MS; ; attempt++, waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        if (anew) await this.#clear();
        await this.#setUpOnce();
        return;
      } catch (thrown) {
        if (this.#needs.interrupted()) return;
        const failure = withFix(thrown);
        if (HOPELESS.has(failure.code) || attempt >= triesMax) throw failure;
        const problem = failure.message;
        this.#report("warn", "the allocation's network could not be set up, trying again", { problem, attempt });
        if (attempt === 1) {
          const event = taskEvents.setupFailure(this.#needs.world.clock.nowNs(), `network: ${problem}; trying again`);
          this.#needs.tellTasks(event);
        }
        await this.#rest(waitMs);
        if (this.#needs.interrupted()) return;
      }
    }
  }

  async #setUpOnce(): Promise<void> {
    const { world, group } = this.#needs;
    const networks = this.#networks();
    for (const task of group().Tasks) requireJoins(task, world.drivers.find(task.Driver));
    const holder = this.#holder();
    let hold: NetworkHold | undefined;
    if (holder?.networkHolder !== undefined) {
      // A network of a holder that is gone is nobody's.
      if ((await holder.networkHolder.find(this.#id)) === undefined) await networks.tearDown(this.#id);
      const hostname = this.#request(0).hostname;
      hold = await holder.networkHolder.hold({ allocationId: this.#id, hostname }, this.#ending.signal);
    }
    try {
      this.#taken(await networks.setUp(this.#request(hold?.pid ?? 0), this.#ending.signal), holder, hold);
    } catch (thrown) {
      await holder?.networkHolder?.release(this.#id).catch((failed: unknown) => {
        this.#report("warn", "what held the allocation's network could not be released", { problem: messageOf(failed) });
      });
      throw thrown;
    }
  }

  #request(holderPid: number) {
    const { world, directory } = this.#needs;
    const [allocation, group, node] = [this.#needs.allocation(), this.#needs.group(), world.node()];
    const { region, hostVariablesDenied } = world.settings;
    const paths = visiblePaths(directory, "", "none");
    const { names } = buildEnvironment({
      allocation,
      group,
      task: undefined,
      node,
      region,
      paths,
      host: {},
      hostDenied: hostVariablesDenied,
    });
    return networkRequest({ allocation, group, node, region, names, holderPid });
  }

  #taken(network: AllocationNetwork, holder: Driver | undefined, hold: NetworkHold | undefined): void {
    const { world } = this.#needs;
    this.#settled();
    this.#hold = holder === undefined || hold === undefined ? undefined : { driver: holder.name, reference: hold.reference };
    world.networkBook.set(this.#id, network);
    if (this.#hold === undefined || holder?.networkHolder === undefined) return;
    const watched = new AbortController();
    this.#watched = watched;
    const lost = () => {
      if (!watched.signal.aborted && !this.#needs.interrupted()) this.#renew(`what ${holder.name} held its network with has ended`);
    };
    holder.networkHolder.lost(this.#id, watched.signal).then(lost, (thrown: unknown) => {
      if (!watched.signal.aborted) this.#report("warn", "what holds the network cannot be watched", { problem: messageOf(thrown) });
    });
  }

  async #clear(): Promise<void> {
    const { world } = this.#needs;
    await world.networks?.tearDown(this.#id);
    await this.#holder()?.networkHolder?.release(this.#id);
    this.#hold = undefined;
    world.networkBook.forget(this.#id);
  }

  #networks(): Networks {
    const { networks } = this.#needs.world;
    if (networks === undefined) {
      throw new NamedError(
        "NETWORK_UNSUPPORTED",
        `Cannot set up the network of allocation "${this.#id}": this agent has no networks of its own`,
        {
          fix: 'Run the agent as root on Linux with the CNI plugins, or use network mode "host"',
        },
      );
    }
    return networks;
  }

  /** Of the first task whose driver has one: a namespace has one holder. */
  #holder(): Driver | undefined {
    const { world, group } = this.#needs;
    return group()
      .Tasks.map((task) => world.drivers.find(task.Driver))
      .find((driver) => driver?.networkHolder !== undefined);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure = undefined;
    this.#opened = Promise.withResolvers<void>();
  }

  #open(): void {
    if (!this.#closed) return;
    this.#closed = false;
    this.#held.clear();
    this.#opened.resolve();
    this.#needs.nudge();
  }

  async #rest(waitMs: number): Promise<void> {
    const timed = Promise.withResolvers<void>();
    const timer = this.#needs.world.clock.after(waitMs, timed.resolve);
    await Promise.race([timed.promise, this.#needs.interruption]);
    timer.cancel();
  }

  #report(level: "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#needs.world.report({ level, message, fields: { alloc_id: this.#id, ...fields } });
  }
}

/** What the servers are told of it. nomad.md §2.9. */
export function networkStatus(network: AllocationNetwork, group: TaskGroup): AllocNetworkStatus {
  return {
    InterfaceName: network.interface,
    Address: network.address,
    AddressIPv6: network.addressIPv6,
    DNS: network.dns ?? group.Networks[0]?.DNS ?? null,
  };
}

/** Nothing of a task in this phase runs, and nothing of it will before `ready` let it by. */
function outside(phase: TaskPhase): boolean {
  return phase === "waiting" || phase === "cooling" || phase === "leaving" || phase === "dead";
}

/** An unknown driver is said by its own step, in its own words. */
function requireJoins(task: Task, driver: Driver | undefined): void {
  if (driver === undefined || driver.capabilities.joinsNetwork === true) return;
  throw new NamedError(
    "NETWORK_DRIVER_UNABLE",
    `Cannot run task "${task.Name}" in the network of its group: driver "${driver.name}" cannot join one`,
    { fix: 'Use network mode "host", or another driver (exec, raw_exec, docker)' },
  );
}

/** A task's event has one text. */
function withFix(thrown: unknown): NamedError {
  if (!(thrown instanceof NamedError)) return new NamedError("NETWORK_FAILED", messageOf(thrown));
  if (thrown.fix === undefined) return thrown;
  return new NamedError(thrown.code, `${thrown.message}. ${thrown.fix}`, { statusCode: thrown.statusCode, cause: thrown });
}
