/**
 * Chaos: a seeded history of what befalls an agent, its Consul and its OpenBao while a job uses a key, a secret, a variable and a login that was
 * made for it. After each round the bytes in every file are what the systems say and what the process was told of; the login works at every
 * probe; nothing was restarted that no change asked for; in the end nothing is left. DROVER_CHAOS_SEED replays a history, DROVER_CHAOS_ONLY one
 * fault of it.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { testScale } from "../scale.ts";
import { suiteOwner } from "./parts/consul-window.ts";
import { describeRound, historyOf, killsAgent, type Round, type What } from "./secrets-chaos-history.ts";
import { eventually, openSecretsWorld, recorder, toldOf, type Allocation, type Remains, type SecretsWorld } from "./secrets-chaos-world.ts";

const soak = testScale() >= 10;
const KILLS = soak ? 20 : 5;
const CRASHING_MS = soak ? 60_000 : 5_000;
/** However long the systems are away: less than the third of a life that is left when a lease is due. */
const AWAY_MS = 2_000;
const LOGIN_TTL_MS = 30_000;
/** A login is due while a third of its life is left: whoever is away for longer on a busy machine cannot keep it. */
const AWAY_MAX_MS = LOGIN_TTL_MS / 3 - 1_000;
const QUIET_MS = 45_000;
const PROBE_MS = 200;

const GET = `key={{ key "herd/key" }}
{{ with secret "secret/default/herd" }}secret={{ .Data.data.word }}{{ end }}
`;
const VARIABLE = `{{ with nomadVar "nomad/jobs/herd" }}variable={{ .word }}{{ end }}
`;
const LOGIN = `{{ with secret "database/creds/app" }}{{ .Data.username }}:{{ .Data.password }}{{ end }}`;

const template = (DestPath: string, EmbeddedTmpl: string, ChangeMode: string): object => ({
  DestPath,
  EmbeddedTmpl,
  ChangeMode,
  ...(ChangeMode === "signal" ? { ChangeSignal: "SIGHUP" } : {}),
  Splay: 0,
});

const task = (Name: string, args: readonly string[], Templates: readonly object[], vault = "noop"): object => ({
  Name,
  Driver: "raw_exec",
  Config: { command: "/bin/sh", args },
  Consul: {},
  Vault: { ChangeMode: vault },
  Templates,
  Resources: { CPU: 10, MemoryMB: 10 },
  KillTimeout: 1e9,
});

const job = (ID: string, Tasks: readonly object[]): object => ({
  ID,
  Name: ID,
  Type: "service",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "g",
      Count: 1,
      RestartPolicy: { Attempts: 10_000, Interval: 3600e9, Delay: 1e8, Mode: "delay" },
      Tasks,
    },
  ],
});

const HERD = job("herd", [
  task("signalled", recorder("$NOMAD_SECRETS_DIR/all"), [
    template("secrets/all", GET + VARIABLE, "signal"),
    template("secrets/login", LOGIN, "noop"),
  ]),
  task("restarted", recorder("$NOMAD_SECRETS_DIR/all"), [template("secrets/all", GET, "restart")], "restart"),
]);

class Chaos {
  readonly #world: SecretsWorld;
  readonly #allocation: Allocation;
  readonly #values: Record<What, string>;
  /** What may have restarted the restarted task, and what may have signalled the other. */
  #restartsMax = 0;
  #signalsMax = 0;
  /** For its new token, whatever else. */
  #revoked: { readonly task: string; readonly token: string } | undefined;
  /** When the agent was killed, on the monotonic clock: what was made in an answer it never heard lives on for its life. */
  readonly #killsMs: number[] = [];
  /** The login was taken away from the outside, and is not replaced yet. */
  #robbed = false;
  #tooLong = false;
  readonly #over = new AbortController();
  readonly #probes: Promise<void>;
  readonly refused: string[] = [];
  probes = 0;
  excused = 0;
  mostLeases = 0;

  constructor(world: SecretsWorld, allocation: Allocation, values: Record<What, string>) {
    this.#world = world;
    this.#allocation = allocation;
    this.#values = values;
    this.#probes = this.#probe();
  }

  async end(): Promise<void> {
    this.#over.abort();
    await this.#probes;
  }

  async perform(round: Round): Promise<void> {
    const sinceMs = performance.now();
    await this.#befall(round);
    this.#tooLong = performance.now() - sinceMs > AWAY_MAX_MS;
  }

  async #befall(round: Round): Promise<void> {
    const { consul, bao } = this.#world;
    const changes = () => this.#changes(round);
    switch (round.fault) {
      case "none":
        return changes();
      case "agent killed":
        await this.#kill();
        await this.#world.restartAgent();
        return changes();
      case "agent killed, changed while it is dead":
        await this.#kill();
        // Variables are the agent's own.
        await this.#changes({ ...round, changes: round.changes.filter(({ what }) => what !== "variable") });
        return this.#world.restartAgent();
      case "agent killed right after the change":
        await changes();
        await this.#kill();
        return this.#world.restartAgent();
      case "agent killed while OpenBao is sealed":
        await bao.seal();
        await this.#kill();
        await this.#world.restartAgent();
        await bao.unseal();
        return changes();
      case "agent and OpenBao and Consul killed":
        await Promise.all([this.#kill(), bao.kill(), consul.kill()]);
        await Promise.all([this.#world.restartAgent(), bao.restart(), consul.restart()]);
        return changes();
      case "agent a minute ahead":
      case "agent a minute behind":
        await this.#kill();
        await this.#world.restartAgent(round.fault.endsWith("ahead") ? 60 : -60);
        return changes();
      case "OpenBao sealed":
        await bao.seal();
        await sleep(AWAY_MS);
        await bao.unseal();
        return changes();
      case "OpenBao restarted":
        await bao.kill();
        await sleep(AWAY_MS);
        await bao.restart();
        return changes();
      case "OpenBao paused":
        bao.pause();
        await sleep(AWAY_MS);
        bao.resume();
        return changes();
      case "Consul restarted":
        await consul.restart();
        return changes();
      case "Consul paused":
        consul.pause();
        await sleep(AWAY_MS);
        consul.resume();
        return changes();
      case "Vault token of the signalled task revoked":
        this.#robbed = true;
        await this.#revokeToken("signalled");
        return changes();
      case "Vault token of the restarted task revoked":
        this.#restartsMax++;
        await this.#restartedForItsToken(() => this.#revokeToken("restarted"));
        return changes();
      case "lease revoked":
        this.#robbed = true;
        for (const id of await this.#world.leases()) await this.#world.revokeLease(id);
        return changes();
    }
  }

  /** At rest (F51): bytes in the file = what the systems say = bytes the process was last started with or signalled for. */
  async quiet(): Promise<void> {
    const world = this.#world;
    const { key, secret, variable } = this.#values;
    const wanted = {
      restarted: `key=${key}\nsecret=${secret}\n`,
      signalled: `key=${key}\nsecret=${secret}\nvariable=${variable}\n`,
    };
    await eventually(
      "all to be as the systems say",
      async () => {
        const shown = Object.fromEntries(
          (["restarted", "signalled"] as const).map((name) => {
            const told = toldOf(world, this.#allocation, name);
            return [name, { file: world.file(this.#allocation, name, "secrets", "all"), told: told.at(-1)?.bytes }];
          }),
        );
        assert.deepEqual(shown, {
          restarted: { file: wanted.restarted, told: wanted.restarted },
          signalled: { file: wanted.signalled, told: wanted.signalled },
        });
        assert.equal(await this.#login(), "", "the login does not work");
        if (this.#revoked !== undefined)
          assert.notEqual(this.#tokenOf(this.#revoked.task), this.#revoked.token, "it has its old token still");
        const [{ restarted, signalled }] = [(await world.living("herd"))?.TaskStates ?? {}];
        assert.equal(restarted?.State, "running");
        assert.equal(signalled?.State, "running");
        return true;
      },
      QUIET_MS,
    );
    this.#robbed = false;
    this.#revoked = undefined;
    if (this.#tooLong) this.excused += this.refused.splice(0).length;
    this.#tooLong = false;
    await this.#undisturbed();
  }

  async #undisturbed(): Promise<void> {
    const world = this.#world;
    const starts = () => toldOf(world, this.#allocation, "restarted").length;
    // The process hears of it first, the servers a moment later.
    const states = await eventually(
      "each start of the restarted task to be counted",
      async () => {
        const all = await world.allocations("herd");
        assert.deepEqual(
          all.map(({ ID }) => ID),
          [this.#allocation.ID],
          "the allocation was replaced",
        );
        const found = all[0]?.TaskStates ?? {};
        assert.equal(starts(), (found["restarted"]?.Restarts ?? -1) + 1, "a start that is not counted, or a signal nobody asked for");
        return found;
      },
      10_000,
    );
    assert.equal(states["signalled"]?.Restarts, 0, "a task was restarted that wants signals");
    const restarts = states["restarted"]?.Restarts ?? -1;
    assert.ok(restarts <= this.#restartsMax, `restarted ${restarts} times, asked for ${this.#restartsMax} times`);
    // Those that were not needed in one round are not to come in another.
    this.#restartsMax = restarts;
    const signalled = toldOf(world, this.#allocation, "signalled");
    assert.equal(signalled.filter(({ by }) => by === "start").length, 1);
    const signals = signalled.length - 1;
    assert.ok(signals <= this.#signalsMax, `signalled ${signals} times, asked for ${this.#signalsMax} times`);
    this.#signalsMax = signals;
  }

  async #kill(): Promise<void> {
    // A signal that was sent as it died is sent again: better twice than never.
    this.#signalsMax++;
    this.#killsMs.push(performance.now());
    await this.#world.agent.kill();
  }

  async #changes({ changes, pauseMs }: Round): Promise<void> {
    for (const { what, value } of changes) {
      if (value !== undefined) {
        this.#values[what] = value;
        this.#signalsMax++;
        if (what !== "variable") this.#restartsMax++;
      }
      await setValue(this.#world, what, this.#values[what]);
    }
    await sleep(pauseMs);
  }

  async #revokeToken(task: string): Promise<void> {
    const token = this.#tokenOf(task);
    this.#revoked = { task, token };
    await this.#world.revokeVaultToken(token);
  }

  /** By itself: beside a change of another thing nobody could tell what it was restarted for. */
  async #restartedForItsToken(revoke: () => Promise<void>): Promise<void> {
    const starts = () => toldOf(this.#world, this.#allocation, "restarted").length;
    const before = starts();
    await revoke();
    await eventually("the task to be restarted for its new token", async () => starts() > before, QUIET_MS);
  }

  #tokenOf(name: string): string {
    const token = this.#world.file(this.#allocation, name, "secrets", "vault_token");
    assert.ok(token !== undefined && token !== "");
    return token;
  }

  /** "": it works; else what PostgreSQL says. */
  async #login(): Promise<string> {
    const [user = "", password = ""] = (this.#world.file(this.#allocation, "signalled", "secrets", "login") ?? "").split(":");
    try {
      await this.#world.database?.query("SELECT 1", { user, password });
      return "";
    } catch (error) {
      return String(error);
    }
  }

  /** F52, F53: all the time. */
  async #probe(): Promise<void> {
    for (; !this.#over.signal.aborted; await sleep(PROBE_MS)) {
      const robbed = this.#robbed;
      const problem = await this.#login();
      this.probes++;
      if (problem !== "" && !robbed && !this.#robbed)
        this.refused.push(`${new Date().toISOString()} ${problem.split("\n").at(-2) ?? problem}`);
      const leases = await this.#world.leases().catch(() => undefined);
      if (leases === undefined) continue;
      const unheard = this.#killsMs.filter((each) => performance.now() - each < LOGIN_TTL_MS + 5_000).length;
      this.mostLeases = Math.max(this.mostLeases, leases.length - unheard);
    }
  }
}

async function setValue(world: SecretsWorld, what: What, value: string): Promise<void> {
  if (what === "key") return world.setKey("herd/key", value);
  if (what === "secret") return world.setSecret("herd", { word: value });
  // It is not there for anybody while the agent begins.
  return eventually("the variable to be taken", () => world.setVariable("nomad/jobs/herd", { word: value }).then(() => true)).then(
    () => undefined,
  );
}

/** Entities of Vault's stay: one for each task that ever logged in, however often. */
async function backToBase(world: SecretsWorld, base: Remains, tasks: number, unheard = 0): Promise<void> {
  await eventually(
    "leases, tokens and logins to be back to base",
    async () => {
      const now = await world.remains();
      assert.deepEqual([now.leases, now.logins], [base.leases, base.logins], JSON.stringify({ base, now }));
      assert.ok(
        now.vaultTokens <= base.vaultTokens + unheard && now.consulTokens <= base.consulTokens + unheard,
        JSON.stringify({ base, now }),
      );
      assert.ok(now.entities <= base.entities + tasks, JSON.stringify({ base, now }));
      return true;
    },
    LOGIN_TTL_MS + 20_000,
  );
}

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  describe("secrets through chaos", () => {
    const owner = suiteOwner(after);
    let world: SecretsWorld;
    before(async () => {
      world = await openSecretsWorld(owner, { database: true, loginTtl: ["30s", "60s"] });
    });

    test("files, processes and systems agree after every fault, logins always work, and leases and tokens go back to base (F51, F52, F31)", async (t) => {
      const seed = Number(process.env["DROVER_CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
      const only = process.env["DROVER_CHAOS_ONLY"] ?? "";
      const history = historyOf(seed, KILLS).filter(({ fault }) => fault.includes(only));
      const kills = history.filter(({ fault }) => killsAgent(fault)).length;
      t.diagnostic(`DROVER_CHAOS_SEED=${seed}: ${history.length} rounds, ${kills} kills of the agent`);
      const base = await world.remains();
      const values: Record<What, string> = { key: "k", secret: "s", variable: "v" };
      for (const what of ["key", "secret", "variable"] as const) await setValue(world, what, values[what]);
      await world.submit(HERD);
      const allocation = await eventually("the herd to run", () => world.living("herd"), 40_000).catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${await world.why("herd")}\n${world.agent.output().slice(-4000)}`);
      });
      const chaos = new Chaos(world, allocation, values);
      try {
        await chaos.quiet();
        for (const [index, round] of history.entries()) {
          const what = describeRound(round);
          const startedMs = performance.now();
          try {
            await chaos.perform(round);
            await chaos.quiet();
            assert.deepEqual(chaos.refused, [], "the login did not work (F52)");
            assert.ok(chaos.mostLeases <= 2, `${chaos.mostLeases} leases at once (F53)`);
          } catch (error) {
            if (process.env["DROVER_CHAOS_TELL"] === "1") console.log(`${index} ${what}: ${String(error)}`);
            const states = (await world.allocations("herd").catch(() => []))[0]?.TaskStates ?? {};
            const told = Object.entries(states).map(
              ([name, { Events }]) => `${name}:\n${Events.map((each) => `  ${each.Type}: ${each.DisplayMessage}`).join("\n")}`,
            );
            throw new Error(
              `DROVER_CHAOS_SEED=${seed}, round ${index} (${what}): ${error instanceof Error ? error.stack : String(error)}\n${told.join("\n")}\n${world.agent.output().slice(-2000)}`,
            );
          }
          if (process.env["DROVER_CHAOS_TELL"] === "1") console.log(`${index} ${what}: ${Math.round(performance.now() - startedMs)} ms`);
        }
      } finally {
        await chaos.end();
      }
      t.diagnostic(
        `${chaos.probes} probes of the login, ${chaos.refused.length} refused, ${chaos.excused} while somebody was away for too long; most leases at once: ${chaos.mostLeases}`,
      );
      await world.restartAgent().catch(() => undefined);
      await world.stop("herd");
      await backToBase(world, base, 2, kills);
      t.diagnostic(`before ${JSON.stringify(base)}, after ${JSON.stringify(await world.remains())}`);
    });

    test("a task that crashes over and over has two leases at most at any time, and none after it is stopped (F53)", async (t) => {
      const base = await world.remains();
      const crashing = task(
        "crashing",
        ["-c", `cat "$NOMAD_SECRETS_DIR/login" >> "$NOMAD_ALLOC_DIR/data/logins"; echo >> "$NOMAD_ALLOC_DIR/data/logins"; exit 1`],
        [template("secrets/login", LOGIN, "restart")],
      );
      await world.submit(job("crashing", [crashing]));
      const starts = async (): Promise<readonly string[]> => {
        const [one] = await world.allocations("crashing");
        return one === undefined ? [] : (world.file(one, "alloc", "data", "logins") ?? "").split("\n").filter((line) => line !== "");
      };
      await eventually("it to crash", async () => (await starts()).length > 2, 40_000);
      let most = 0;
      for (const untilMs = performance.now() + CRASHING_MS; performance.now() < untilMs; await sleep(50)) {
        most = Math.max(most, (await world.leases()).length);
      }
      const seen = await starts();
      t.diagnostic(`${seen.length} starts with ${new Set(seen).size} logins, most leases at once: ${most}`);
      assert.ok(seen.length > 10, `only ${seen.length} starts`);
      assert.ok(most >= 1 && most <= 2, `${most} leases at once`);
      await world.stop("crashing");
      await backToBase(world, base, 1);
    });
  });
}
