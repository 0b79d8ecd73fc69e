/**
 * How the checks of every allocation stand: those the node runs itself (native.ts), scripts inside tasks (script.ts), and those a catalog
 * runs (poll.ts). Failures are counted here, and restart what they are to restart (restart.ts).
 *
 * A check is one as long as its id is: an allocation that is offered anew keeps what is known of the checks it keeps.
 */
import type { AllocationId } from "#model";
import type { Catalog, CheckInstance, CheckResult, CheckStanding, Clock, ExecSession, Probe, Random, ServiceInstance } from "#ports";
import type { CheckBoard, StandingCheck, TokenBook } from "../contract.ts";
import { runNativeCheck, type NativeResult } from "./native.ts";
import { StandingPoll, type Pace } from "./poll.ts";
import { NO_FAILURES, stepFailures, type FailureCount } from "./restart.ts";
import { runScriptCheck } from "./script.ts";

export interface BoardNeeds {
  readonly catalogs: readonly Catalog[];
  readonly probe: Probe;
  readonly tokens: Pick<TokenBook, "token">;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the checks of an allocation have to do with it. */
export interface Followed {
  /** "app.web[0]" */
  readonly name: string;
  readonly exec: (task: string, command: readonly string[]) => Promise<ExecSession>;
  /** Since when the task runs ("": all of the group's), Unix nanoseconds; undefined: it does not. */
  readonly startedAtNs: (task: string) => number | undefined;
  /** As a failure. `task` "": all of the group's. */
  readonly restart: (task: string, reason: string) => void;
}

interface Watched {
  readonly check: CheckInstance;
  readonly service: ServiceInstance;
  standing: CheckStanding | undefined;
  result: NativeResult | undefined;
  failures: FailureCount;
  stop: () => void;
}

interface Entry {
  followed: Followed;
  checks: Map<string, Watched>;
}

export class Board implements CheckBoard {
  readonly #needs: BoardNeeds;
  readonly #entries = new Map<AllocationId, Entry>();
  readonly #attended = new Map<AllocationId, number>();
  readonly #listeners = new Set<(id: AllocationId) => void>();
  readonly #poll: StandingPoll | undefined;
  readonly #catalog: Catalog | undefined;
  readonly #closing = new AbortController();

  constructor(needs: BoardNeeds) {
    this.#needs = needs;
    this.#catalog = needs.catalogs.find((catalog) => catalog.provider === "consul");
    if (this.#catalog !== undefined)
      this.#poll = new StandingPoll({
        ...needs,
        catalog: this.#catalog,
        pace: () => this.#pace(),
        seen: (standings) => this.#polled(standings),
        blind: () => this.#polled(new Map()),
      });
  }

  /** The allocation offers these from now on; none: it is forgotten. */
  follow(id: AllocationId, instances: readonly ServiceInstance[], followed: Followed): void {
    const before = this.#entries.get(id)?.checks ?? new Map<string, Watched>();
    const checks = new Map<string, Watched>();
    for (const service of instances) {
      for (const check of checksOf(service)) {
        const kept = before.get(check.ID);
        // A service that moved to another provider is checked by somebody else.
        if (kept === undefined || kept.service.Provider !== service.Provider)
          checks.set(check.ID, this.#watch(id, service, check, followed));
        else {
          before.delete(check.ID);
          checks.set(check.ID, kept);
        }
      }
    }
    for (const each of before.values()) each.stop();
    if (checks.size === 0) this.#entries.delete(id);
    else this.#entries.set(id, { followed, checks });
    this.#poll?.arm();
  }

  /** Allocations whose checks are followed. */
  get size(): number {
    return this.#entries.size;
  }

  of(id: AllocationId): readonly StandingCheck[] {
    return [...(this.#entries.get(id)?.checks.values() ?? [])].map(({ check, service, standing }) => ({
      checkId: check.ID,
      serviceId: service.ID,
      service: service.Name,
      name: check.Name,
      task: check.Task,
      onUpdate: check.OnUpdate,
      standing,
    }));
  }

  subscribe(listener: (id: AllocationId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  attend(id: AllocationId): () => void {
    this.#attended.set(id, (this.#attended.get(id) ?? 0) + 1);
    this.#poll?.arm();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (this.#attended.get(id) ?? 1) - 1;
      if (left === 0) this.#attended.delete(id);
      else this.#attended.set(id, left);
    };
  }

  results(id: AllocationId): Readonly<Record<string, CheckResult>> {
    const entry = this.#entries.get(id);
    const own = [...(entry?.checks.values() ?? [])].filter(({ service }) => service.Provider === "nomad");
    return Object.fromEntries(
      own.map(({ check, service, result }) => [
        check.ID,
        {
          ID: check.ID,
          Check: check.Name,
          Group: entry?.followed.name ?? "",
          Task: service.Task,
          Service: service.Name,
          Mode: check.OnUpdate === "ignore" ? "readiness" : "healthiness",
          Status: result === undefined ? "pending" : result.standing.status === "passing" ? "success" : "failure",
          StatusCode: result?.statusCode ?? 0,
          Output: result?.standing.output ?? "nomad: waiting to run",
          Timestamp: Math.floor((result?.atMs ?? 0) / 1000),
        } satisfies CheckResult,
      ]),
    );
  }

  close(): void {
    this.#closing.abort();
    this.#poll?.close();
    for (const { checks } of this.#entries.values()) for (const each of checks.values()) each.stop();
    this.#entries.clear();
  }

  #watch(id: AllocationId, service: ServiceInstance, check: CheckInstance, followed: Followed): Watched {
    const watched: Watched = { check, service, standing: undefined, result: undefined, failures: NO_FAILURES, stop: () => {} };
    if (service.Provider === "nomad") {
      const seen = (result: NativeResult) => {
        watched.result = result;
        this.#stands(id, watched, result.standing, "result");
      };
      watched.stop = runNativeCheck({ ...this.#needs, check, seen });
    } else if (check.Type === "script") {
      const tell = async (standing: CheckStanding) => {
        const { Identity } = service;
        const token = Identity === undefined ? "" : await this.#needs.tokens.token(Identity, this.#closing.signal);
        await this.#catalog?.reportCheck(check.ID, standing, token);
        this.#poll?.arm();
      };
      watched.stop = runScriptCheck({
        check,
        exec: followed.exec,
        life: () => followed.startedAtNs(check.Task),
        clock: this.#needs.clock,
        tell,
      });
    }
    return watched;
  }

  #polled(standings: ReadonlyMap<string, CheckStanding>): void {
    for (const [id, { checks }] of this.#entries) {
      for (const watched of checks.values()) {
        if (watched.service.Provider === "consul") this.#stands(id, watched, standings.get(watched.check.ID), "standing");
      }
    }
  }

  #stands(id: AllocationId, watched: Watched, standing: CheckStanding | undefined, what: "result" | "standing"): void {
    const changed = watched.standing?.status !== standing?.status;
    watched.standing = standing;
    if (standing !== undefined) this.#count(id, watched, standing, what);
    if (changed) for (const listener of this.#listeners) listener(id);
  }

  #count(id: AllocationId, watched: Watched, standing: CheckStanding, what: "result" | "standing"): void {
    const { check } = watched;
    const followed = this.#entries.get(id)?.followed;
    if (check.Restart === null || followed === undefined) return;
    const { count, restart } = stepFailures(
      watched.failures,
      { status: standing.status, what, nowNs: this.#needs.clock.nowNs(), startedAtNs: followed.startedAtNs(check.Task) },
      check,
    );
    watched.failures = count;
    if (restart) followed.restart(check.Task, `healthcheck: check ${JSON.stringify(check.Name)} unhealthy`);
  }

  #pace(): Pace {
    let pace: Pace = "none";
    for (const [id, { checks }] of this.#entries) {
      for (const { service, check, standing } of checks.values()) {
        if (service.Provider !== "consul") continue;
        if (this.#attended.has(id)) return "attended";
        if (check.Restart !== null && standing !== undefined && standing.status !== "passing") pace = "worried";
        else if (pace === "none") pace = "rest";
      }
    }
    return pace;
  }
}

/** Its own and its sidecar's: nobody reaches the one without the other. nomad.md §2.8. */
function checksOf({ Checks, Mesh }: ServiceInstance): readonly CheckInstance[] {
  return Mesh?.kind === "sidecar" ? [...Checks, ...Mesh.sidecar.Checks] : Checks;
}
