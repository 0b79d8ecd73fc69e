/**
 * A small world for a node: a machine whose tasks outlive the agent, a memory, a server that says what the test tells it. An agent
 * can be killed at any moment: from then on nothing it does reaches the world, as after kill -9.
 */
import assert from "node:assert/strict";
import Type from "typebox";
import type {
  Allocation,
  AllocationClientUpdate,
  AllocationId,
  IdentityAnswer,
  IdentityRequest,
  Job,
  Node,
  NodeId,
  ServiceRegistration,
  Task,
} from "#model";
import { bytesOf, NamedError, textOf } from "#std";
import type {
  Catalog,
  ClientStore,
  Disk,
  Devices,
  Driver,
  ExecSession,
  FileInformation,
  FingerprintSource,
  Link,
  LinkConnection,
  Machine,
  Mesh,
  NetworkHolder,
  Networks,
  NodeEnd,
  Probe,
  Proxies,
  StoredIdentity,
  TaskExec,
  TaskExit,
  TaskHandle,
  TaskLogs,
  TaskSockets,
  TaskStart,
  ThingSource,
  Tunnels,
  TokenExchange,
} from "#ports";
import type { Renderer } from "#template";
import { CLIENT_DEFAULTS, startClient, type Client, type ClientSettings } from "#client";
import { mockSession } from "../../../integrations/memory/mock-session.ts";
import { createSimulatedClock, type SimulatedClock } from "../../simulation/clock.ts";
import { createSeededRandom } from "../../simulation/random.ts";
import { aGroup, aJob, aTask } from "../scheduler/nouns.ts";

/** How a fake task behaves, in its `config`. */
export interface Behaviour {
  /** Milliseconds it runs; -1: until it is stopped. */
  readonly run_for?: number;
  readonly exit_code?: number;
  readonly start_error?: string;
  readonly hopeless?: boolean;
  readonly oom?: boolean;
  /** Ignores the signal: is killed after the timeout. */
  readonly stubborn?: boolean;
}

interface FakeProcess {
  readonly id: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly config: Behaviour;
  readonly start: TaskStart;
  exit: TaskExit | undefined;
  readonly ended: PromiseWithResolvers<TaskExit>;
  readonly signals: string[];
}

export interface FakeMachine {
  readonly processes: Map<string, FakeProcess>;
  /** Every id that was ever started: starting one twice is the worst that can happen. */
  readonly everStarted: string[];
  readonly directories: Set<string>;
  readonly secrets: Set<string>;
  readonly pipes: Set<string>;
  /** Where each was first looked for, to go on with its output: `stdoutPath` by task id. */
  readonly soughtAt: Map<string, string>;
  readonly files: Map<string, FileInformation[]>;
  end(id: string, exitCode: number): void;
  /** Power loss: nothing runs, nothing of a driver is left. */
  reboot(): void;
  /** A directory that cannot be made. */
  diskFull: boolean;
  readonly sessions: ExecSession[];
  /** What each session was asked to be. */
  readonly execs: TaskExec[];
  readonly moved: string[];
  moveFails: boolean;
  /** Files the client wrote into allocations: path → text. */
  readonly written: Map<string, string>;
  /** "600 nobody" for each of them. */
  readonly owners: Map<string, string>;
  /** Secrets written where no secrets are kept any more. */
  readonly strays: string[];
  /** Told of every process when it is started, and when it is told to stop. */
  heard: (what: "start" | "stop", start: TaskStart) => void;
}

/** What an agent may have beside it. */
export interface Surroundings {
  readonly tokenExchange?: TokenExchange;
  readonly taskSockets?: TaskSockets;
  readonly catalogs?: readonly Catalog[];
  readonly probe?: Probe;
  readonly vaultTokenExchange?: TokenExchange;
  readonly thingSources?: readonly ThingSource[];
  readonly renderer?: () => Renderer;
  readonly networks?: Networks;
  readonly proxies?: Proxies;
  readonly tunnels?: Tunnels;
  readonly mesh?: Mesh;
  readonly fingerprintSources?: readonly FingerprintSource[];
  /** Of the driver: its tasks join only what this holds. */
  readonly networkHolder?: NetworkHolder;
  /** The driver's tasks cannot join any. */
  readonly alone?: boolean;
}

export interface Stage {
  readonly clock: SimulatedClock;
  readonly machine: FakeMachine;
  readonly memory: {
    allocations: Map<string, { allocation: string; progress: string | undefined }>;
    facts: Map<string, string>;
    /** Nothing can be written into it. */
    full: boolean;
    identity: StoredIdentity | undefined;
  };
  readonly server: FakeServer;
  readonly reports: string[];
  /** Starts an agent on this machine. */
  agent(
    options?: { settings?: Partial<ClientSettings>; devices?: readonly Devices[]; dieAt?: string; closeAt?: string } & Surroundings,
  ): Promise<Agent>;
  /** The latest the servers heard. */
  told(id: string): AllocationClientUpdate | undefined;
  /** Event types of a task, oldest first. */
  events(id: string, task?: string): string[];
}

export interface Agent {
  readonly client: Client;
  readonly dead: () => boolean;
  /** kill -9. */
  kill(): void;
}

interface FakeServer extends Link {
  readonly updates: { readonly atMs: number; readonly update: AllocationClientUpdate }[];
  readonly registered: Node[];
  heartbeats: number;
  readonly ttlMs: number;
  refuseUpdates: boolean;
  refuse: boolean;
  clusterId: string;
  index: number;
  readonly allocations: Map<string, Allocation>;
  /** What was asked to be signed, call by call. */
  readonly signed: (readonly IdentityRequest[])[];
  /** Why no identity is signed; undefined: they are. */
  refuseIdentities: string | undefined;
  /** By allocation: who may go down, asked and not given back. */
  readonly turns: Map<string, number>;
  /** Why nobody may; "": all may. */
  noTurns: string;
  /** What each `${sealed.…}` stands for. */
  readonly unsealed: Record<string, string>;
  /** What every unsealing waits for. */
  unsealHeld: Promise<void> | undefined;
  /** What every signing waits for. */
  identitiesHeld: Promise<void> | undefined;
  /** The servers do not take it, nor anything that comes with it. */
  refuseService: (service: ServiceRegistration) => boolean;
  /** The registry's, by ID. */
  readonly services: Map<string, ServiceRegistration>;
  /** The servers' book changed: everybody connected hears. */
  put(...allocations: Allocation[]): void;
  forget(...ids: string[]): void;
  lose(): void;
  end: NodeEnd | undefined;
}

/** `around`: a world that is larger than this machine, with servers of its own; those of the stage are not used then. */
export function createStage(seed = 1, around?: { readonly clock: SimulatedClock; readonly link: Link }): Stage {
  const clock = around?.clock ?? createSimulatedClock();
  const machine = createMachine();
  const memory: Stage["memory"] = { allocations: new Map(), facts: new Map(), full: false, identity: undefined };
  const server = createServer(clock);
  const reports: string[] = [];
  let life = 0;
  return {
    clock,
    machine,
    memory,
    server,
    reports,
    agent: async ({ settings = {}, devices = [], dieAt, closeAt, tokenExchange, taskSockets, catalogs = [], probe, ...more } = {}) => {
      const {
        vaultTokenExchange,
        thingSources = [],
        renderer,
        networks,
        proxies,
        tunnels,
        mesh,
        networkHolder,
        alone = false,
        fingerprintSources = [],
      } = more;
      const made: { agent?: Agent } = {};
      let closed = false;
      const mortality = { dead: false };
      const guard = <T extends object>(port: T): T => mortal(port, mortality);
      const open = new Set<LinkConnection>();
      const kill = () => {
        mortality.dead = true;
        server.lose();
        for (const each of open) each.close();
      };
      const connect: Link["connect"] = async (...call) => {
        const connection = await (around?.link ?? server).connect(...call);
        open.add(connection);
        return guard(connection);
      };
      const client = await startClient({
        link: guard({ connect }),
        drivers: [guard(drivenBy(createDriver("mock", machine, clock), networkHolder && guard(networkHolder), alone))],
        ...(networks === undefined ? {} : { networks: guard(networks) }),
        ...(proxies === undefined ? {} : { proxies: guard(proxies) }),
        ...(tunnels === undefined ? {} : { tunnels: guard(tunnels) }),
        ...(mesh === undefined ? {} : { mesh: guard(mesh) }),
        devices: devices.map(guard),
        taskLogs: guard(createLogs(machine)),
        ...(tokenExchange === undefined ? {} : { tokenExchange: guard(tokenExchange) }),
        ...(vaultTokenExchange === undefined ? {} : { vaultTokenExchange: guard(vaultTokenExchange) }),
        thingSources: thingSources.map(guard),
        fingerprintSources: fingerprintSources.map(guard),
        ...(renderer === undefined ? {} : { renderer: () => guard(renderer()) }),
        sealingKey: SEALING_KEY,
        catalogs: catalogs.map(guard),
        ...(probe === undefined ? {} : { probe: guard(probe) }),
        ...(taskSockets === undefined ? {} : { taskSockets: guard(taskSockets) }),
        disk: guard(createDisk(machine)),
        machine: guard(HOST),
        store: guard(createStore(memory)),
        clock: guard(clock as SimulatedClock),
        random: createSeededRandom(seed * 1000 + life++),
        settings: {
          ...CLIENT_DEFAULTS,
          name: "here",
          allocationDirectory: "/alloc",
          hostEnvironment: { PATH: "/bin" },
          hostVariablesDenied: [],
          ...settings,
        },
        report: ({ message, fields }) => reports.push(`${message} ${JSON.stringify(fields)}`),
        killPoint: (name) => {
          if (name === dieAt && !mortality.dead) kill();
          if (name === closeAt && !closed) {
            closed = true;
            void made.agent?.client.close({ stopTasks: false });
          }
        },
      });
      made.agent = { client, dead: () => mortality.dead || closed, kill };
      return made.agent;
    },
    told: (id) => server.updates.findLast(({ update }) => update.ID === id)?.update,
    events: (id, task = "main") =>
      (server.updates.findLast(({ update }) => update.ID === id)?.update.TaskStates[task]?.Events ?? []).map((event) => event.Type),
  };
}

const SEALING_KEY = new Uint8Array(32).fill(7);

/** After death every call is swallowed: promises never resolve, nothing is written. */
function mortal<T extends object>(port: T, mortality: { readonly dead: boolean }): T {
  return new Proxy(port, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (typeof value !== "function") return value;
      return (...words: unknown[]): unknown => {
        const result: unknown =
          mortality.dead && !["nowMs", "nowNs"].includes(String(key))
            ? undefined
            : (value as (...w: unknown[]) => unknown).apply(target, words);
        if (mortality.dead && result === undefined)
          return key === "after"
            ? { cancel: () => {} }
            : key === "allocations"
              ? []
              : key === "facts"
                ? new Map()
                : ["saveFact", "removeFact", "saveAllocation", "saveProgress", "removeAllocation", "fact", "close"].includes(String(key))
                  ? undefined
                  : new Promise(() => {});
        if (result instanceof Promise) {
          return new Promise((resolve, reject) => {
            result.then(
              (answer: unknown) => mortality.dead || resolve(answer),
              (thrown: unknown) => mortality.dead || reject(thrown as Error),
            );
          });
        }
        if (key === "after") return result;
        return result;
      };
    },
  });
}

const HOST: Machine = {
  bootId: "boot",
  fingerprint: () =>
    Promise.resolve({
      Attributes: { "kernel.name": "linux", "os.signals": "SIGHUP,SIGINT" },
      NodeResources: {
        Cpu: { CpuShares: 4000, TotalCpuCores: 2, ReservableCpuCores: [0, 1] },
        Memory: { MemoryMB: 4096 },
        Disk: { DiskMB: 10_000 },
        Networks: [],
        Devices: [],
        MinDynamicPort: 0,
        MaxDynamicPort: 0,
      },
      CgroupParent: "drover",
    }),
  usage: () => Promise.reject(new Error("nobody asks")),
};

function createMachine(): FakeMachine {
  const processes = new Map<string, FakeProcess>();
  return {
    processes,
    everStarted: [],
    directories: new Set(),
    secrets: new Set(),
    pipes: new Set(),
    soughtAt: new Map(),
    files: new Map(),
    diskFull: false,
    sessions: [],
    execs: [],
    moved: [],
    moveFails: false,
    written: new Map(),
    owners: new Map(),
    strays: [],
    heard: () => {},
    end(id, exitCode) {
      const found = processes.get(id);
      assert.ok(found !== undefined, `no process ${id}`);
      endProcess(found, { exitCode });
    },
    reboot() {
      processes.clear();
      this.secrets.clear();
    },
  };
}

function endProcess(of: FakeProcess, exit: Partial<TaskExit>): void {
  if (of.exit !== undefined) return;
  of.exit = { exitCode: 0, signal: 0, oomKilled: false, error: "", finishedAt: 0, ...exit };
  of.ended.resolve(of.exit);
}

function drivenBy(driver: Driver, networkHolder: NetworkHolder | undefined, alone: boolean): Driver {
  const capabilities = { ...driver.capabilities, joinsNetwork: !alone };
  return { ...driver, capabilities, ...(networkHolder === undefined ? {} : { networkHolder }) };
}

function createDriver(name: string, machine: FakeMachine, clock: SimulatedClock): Driver {
  const handleOf = (of: FakeProcess): TaskHandle => ({ driver: name, id: of.id, data: {}, pid: of.pid, startedAt: of.startedAt });
  return {
    name,
    capabilities: { exec: true, isolation: "none", defaultKillSignal: "SIGINT", defaultUser: "" },
    exec: (handle, _place, wanted) => {
      const found = machine.processes.get(handle.id);
      if (found === undefined || found.exit !== undefined) return Promise.reject(new NamedError("DRIVER_TASK_NOT_RUNNING", "ended"));
      const session = mockSession(wanted);
      void found.ended.promise.then(() => session.kill());
      machine.sessions.push(session);
      machine.execs.push(wanted);
      return Promise.resolve(session);
    },
    configSchema: Type.Object({
      run_for: Type.Integer({ default: -1 }),
      exit_code: Type.Integer({ default: 0 }),
      start_error: Type.String({ default: "" }),
      hopeless: Type.Boolean({ default: false }),
      oom: Type.Boolean({ default: false }),
      stubborn: Type.Boolean({ default: false }),
    }),
    fingerprint: () =>
      Promise.resolve({
        Attributes: { [`driver.${name}.version`]: "1" },
        Detected: true,
        Healthy: true,
        HealthDescription: "",
        UpdateTime: "",
      }),
    start: (start) => {
      const config = start.config as Behaviour;
      if ((config.start_error ?? "") !== "") {
        return Promise.reject(
          new NamedError(config.hopeless === true ? "DRIVER_TASK_INVALID" : "DRIVER_START_FAILED", config.start_error as string),
        );
      }
      assert.ok(!machine.everStarted.includes(start.id), `${start.id} is started twice`);
      machine.everStarted.push(start.id);
      machine.heard("start", start);
      const made: FakeProcess = {
        id: start.id,
        pid: machine.everStarted.length,
        startedAt: clock.nowNs(),
        config,
        start,
        exit: undefined,
        ended: Promise.withResolvers(),
        signals: [],
      };
      machine.processes.set(start.id, made);
      const runFor = config.run_for ?? -1;
      if (runFor >= 0) {
        clock.after(runFor, () =>
          endProcess(made, {
            exitCode: config.oom === true ? 137 : (config.exit_code ?? 0),
            oomKilled: config.oom === true,
            signal: config.oom === true ? 9 : 0,
            finishedAt: clock.nowNs(),
          }),
        );
      }
      return Promise.resolve(handleOf(made));
    },
    find: (id, place) => {
      // A driver that carries output itself begins with the first place it is told.
      if (!machine.soughtAt.has(id)) machine.soughtAt.set(id, place.stdoutPath);
      return Promise.resolve(machine.processes.has(id) ? handleOf(machine.processes.get(id) as FakeProcess) : undefined);
    },
    wait: (handle) => machine.processes.get(handle.id)?.ended.promise ?? Promise.reject(new Error("no such task")),
    stop: async (handle, _place, { signal, timeoutMs }) => {
      const found = machine.processes.get(handle.id);
      if (found === undefined || found.exit !== undefined) return;
      found.signals.push(signal);
      machine.heard("stop", found.start);
      if (found.config.stubborn === true) {
        await clock.sleep(timeoutMs);
        endProcess(found, { exitCode: 137, signal: 9, finishedAt: clock.nowNs() });
      } else endProcess(found, { exitCode: 130, signal: 2, finishedAt: clock.nowNs() });
    },
    signal: (handle, signal) => {
      machine.processes.get(handle.id)?.signals.push(signal);
      return Promise.resolve();
    },
    usage: () =>
      Promise.resolve({
        MemoryStats: { RSS: 10, Cache: 1, Swap: 0, Usage: 11, MaxUsage: 12, KernelUsage: 0, KernelMaxUsage: 0, Measured: ["RSS", "Usage"] },
        CpuStats: { SystemMode: 1, UserMode: 2, TotalTicks: 100, ThrottledPeriods: 0, ThrottledTime: 0, Percent: 3, Measured: ["Percent"] },
        DeviceStats: [],
      }),
    destroy: (handle) => {
      const found = machine.processes.get(handle.id);
      assert.ok(found === undefined || found.exit !== undefined, "destroyed while it runs");
      machine.processes.delete(handle.id);
      return Promise.resolve();
    },
    list: () => Promise.resolve([...machine.processes.keys()]),
    sweep: (id) => {
      const found = machine.processes.get(id);
      if (found !== undefined) endProcess(found, { exitCode: 137, signal: 9 });
      machine.processes.delete(id);
      return Promise.resolve();
    },
  };
}

function createDisk(machine: FakeMachine): Disk {
  const unused = () => Promise.reject(new Error("not in this world"));
  return {
    makeAllocation: (directory) => {
      if (machine.diskFull) return Promise.reject(new Error("ENOSPC: no space left on device"));
      machine.directories.add(directory);
      return Promise.resolve({
        allocationDirectory: directory,
        sharedDirectory: `${directory}/alloc`,
        logsDirectory: `${directory}/alloc/logs`,
      });
    },
    makeTask: (directory, { task }) => {
      assert.ok(machine.directories.has(directory), "the allocation's directory comes first");
      machine.secrets.add(`${directory}/${task}/secrets`);
      const at = (name: string) => `${directory}/${task}/${name}`;
      return Promise.resolve({
        taskDirectory: `${directory}/${task}`,
        localDirectory: at("local"),
        secretsDirectory: at("secrets"),
        privateDirectory: at("private"),
      });
    },
    removeSecrets: (directory, task) => Promise.resolve(void machine.secrets.delete(`${directory}/${task}/secrets`)),
    removeAllocation: (directory) => {
      machine.directories.delete(directory);
      for (const each of machine.secrets) if (each.startsWith(`${directory}/`)) machine.secrets.delete(each);
      return Promise.resolve();
    },
    takeOver: (from, to) => {
      if (machine.moveFails) return Promise.reject(new Error("EIO: i/o error"));
      if (machine.directories.has(from)) machine.moved.push(`${from} → ${to}`);
      return Promise.resolve();
    },
    listDirectories: (directory) =>
      Promise.resolve(
        [...machine.directories].filter((each) => each.startsWith(`${directory}/`)).map((each) => each.slice(directory.length + 1)),
      ),
    list: (root, path) => Promise.resolve(machine.files.get(`${root}/${path}`) ?? []),
    stat: (root, path) =>
      machine.written.has(`${root}/${path}`)
        ? Promise.resolve({} as never)
        : Promise.reject(new NamedError("FILE_NOT_FOUND", `Cannot find "${path}"`, { statusCode: 404 })),
    read: unused as never,
    watch: () => ({ close: () => {} }),
    write: (root, { path, data, mode, user }) => {
      if (path.startsWith("secrets/") && !machine.secrets.has(`${root}/secrets`)) machine.strays.push(`${root}/${path}`);
      machine.written.set(`${root}/${path}`, typeof data === "string" ? data : textOf(data));
      machine.owners.set(`${root}/${path}`, `${mode.toString(8)} ${user}`);
      return Promise.resolve();
    },
    readWhole: (root, path) => {
      const text = machine.written.get(`${root}/${path}`);
      return Promise.resolve(text === undefined ? undefined : bytesOf(text));
    },
    usage: () => Promise.resolve({ totalBytes: 1000, availableBytes: 900, usedBytes: 100, totalInodes: 100, freeInodes: 90 }),
    treeBytes: () => Promise.resolve(0),
  };
}

function createLogs(machine: FakeMachine): TaskLogs {
  return {
    open: ({ id }) => {
      machine.pipes.add(id);
      return Promise.resolve({ stdoutPath: `/pipes/${id}.stdout.fifo`, stderrPath: `/pipes/${id}.stderr.fifo` });
    },
    drain: () => Promise.resolve(),
    close: (id) => Promise.resolve(void machine.pipes.delete(id)),
    list: () => Promise.resolve([...machine.pipes]),
    release: () => Promise.resolve(),
  };
}

/** A closed one refuses, as a database does. */
function createStore(memory: Stage["memory"]): ClientStore {
  let closed = false;
  const open = () => {
    assert.ok(!closed, "the store is closed");
    if (memory.full) throw new Error("database or disk is full");
  };
  return {
    lost: undefined,
    identity: () => memory.identity,
    saveIdentity: (identity) => (memory.identity = identity),
    fact: (name) => (memory.facts.has(name) ? (JSON.parse(memory.facts.get(name) as string) as unknown) : undefined),
    saveFact: (name, value) => {
      open();
      memory.facts.set(name, JSON.stringify(value));
    },
    facts: (prefix) =>
      new Map(
        [...memory.facts]
          .filter(([name]) => name.startsWith(prefix))
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, value]) => [name, JSON.parse(value) as unknown]),
      ),
    removeFact: (name) => {
      open();
      memory.facts.delete(name);
    },
    allocations: () =>
      [...memory.allocations.values()].map((row) => ({
        allocation: JSON.parse(row.allocation) as Allocation,
        progress: row.progress === undefined ? undefined : (JSON.parse(row.progress) as unknown),
      })),
    saveAllocation: (allocation) => {
      open();
      memory.allocations.set(allocation.ID, {
        progress: memory.allocations.get(allocation.ID)?.progress,
        allocation: JSON.stringify(allocation),
      });
    },
    saveProgress: (id, progress) => {
      open();
      const row = memory.allocations.get(id);
      if (row !== undefined) row.progress = JSON.stringify(progress);
    },
    removeAllocation: (id) => {
      open();
      memory.allocations.delete(id);
    },
    close: () => (closed = true),
  };
}

function createServer(clock: SimulatedClock): FakeServer {
  let closed: ((reason: string) => void) | undefined;
  const ttlMs = 10_000;
  const server: FakeServer = {
    updates: [],
    registered: [],
    heartbeats: 0,
    ttlMs,
    refuseUpdates: false,
    refuse: false,
    clusterId: "cluster",
    index: 10,
    allocations: new Map(),
    signed: [],
    refuseIdentities: undefined,
    identitiesHeld: undefined,
    unsealHeld: undefined,
    refuseService: () => false,
    turns: new Map(),
    noTurns: "",
    unsealed: {},
    services: new Map(),
    end: undefined,
    put(...allocations) {
      server.index++;
      for (const each of allocations) server.allocations.set(each.ID, { ...each, AllocModifyIndex: server.index });
      const Changed = allocations.map((each) => server.allocations.get(each.ID) as Allocation);
      server.end?.allocationsChanged({ ClusterId: server.clusterId, Index: server.index, Complete: false, Changed, Gone: [] });
    },
    forget(...ids) {
      server.index++;
      for (const id of ids) server.allocations.delete(id);
      server.end?.allocationsChanged({
        ClusterId: server.clusterId,
        Index: server.index,
        Complete: false,
        Changed: [],
        Gone: ids as AllocationId[],
      });
    },
    lose() {
      const tell = closed;
      closed = undefined;
      server.end = undefined;
      tell?.("lost");
    },
    connect(_node, end, told) {
      if (server.refuse) return Promise.reject(new NamedError("LINK_REFUSED", "nobody answers"));
      let open = true;
      const mine = (reason: string) => {
        open = false;
        told(reason);
      };
      return Promise.resolve({
        register: (node: Node) => {
          server.registered.push(node);
          if (server.end !== end) {
            server.end = end;
            closed = mine;
            end.allocationsChanged({
              ClusterId: server.clusterId,
              Index: server.index,
              Complete: true,
              Changed: [...server.allocations.values()],
              Gone: [],
            });
          }
          return Promise.resolve({ HeartbeatTtlMs: ttlMs });
        },
        heartbeat: () => {
          server.heartbeats++;
          return Promise.resolve({ HeartbeatTtlMs: ttlMs });
        },
        updateAllocations: (updates: readonly AllocationClientUpdate[]) => {
          if (!open || server.refuseUpdates) return Promise.reject(new Error("not now"));
          for (const update of updates) {
            server.updates.push({ atMs: clock.nowMs(), update: JSON.parse(JSON.stringify(update)) as AllocationClientUpdate });
            const known = server.allocations.get(update.ID);
            if (known !== undefined)
              server.allocations.set(update.ID, { ...known, ClientStatus: update.ClientStatus, TaskStates: update.TaskStates });
          }
          return Promise.resolve();
        },
        signIdentities: async (requests: readonly IdentityRequest[]) => {
          await server.identitiesHeld;
          if (!open) throw new Error("not now");
          server.signed.push(requests);
          return requests.map((request) => sign(server, request, clock.nowMs()));
        },
        services: () => Promise.resolve([...server.services.values()]),
        upsertServices: (services: readonly ServiceRegistration[]) => {
          if (!open) return Promise.reject(new Error("not now"));
          if (services.some(server.refuseService)) return Promise.reject(new NamedError("INVALID", "no such name", { statusCode: 400 }));
          for (const each of services) server.services.set(each.ID, each);
          return Promise.resolve();
        },
        deleteServices: (ids: readonly string[]) => {
          if (!open) return Promise.reject(new Error("not now"));
          for (const id of ids) server.services.delete(id);
          return Promise.resolve();
        },
        followServices: () => Promise.resolve(),
        readVariable: () => Promise.resolve({ Index: 1, Variable: null, List: [] }),
        takeTurn: (id: AllocationId) => {
          if (!open) return Promise.reject(new Error("not now"));
          if (server.noTurns !== "" && !server.turns.has(id)) return Promise.resolve({ Granted: false, Reason: server.noTurns });
          server.turns.set(id, clock.nowMs());
          return Promise.resolve({ Granted: true, Reason: "" });
        },
        giveTurnBack: (id: AllocationId) => {
          if (!open) return Promise.reject(new Error("not now"));
          server.turns.delete(id);
          return Promise.resolve();
        },
        unseal: async () => {
          await server.unsealHeld;
          return server.unsealed;
        },
        verifyIdentity: async () => false,
        close: () => {
          open = false;
          if (server.end === end) server.end = undefined;
        },
      });
    },
  };
  return server;
}

/** A text that says whose it is, and which one in a row. Lives for as long as the job says. */
function sign(server: FakeServer, request: IdentityRequest, nowMs: number): IdentityAnswer {
  const allocation = server.allocations.get(request.AllocationID);
  if (server.refuseIdentities !== undefined) return { Request: request, Refused: server.refuseIdentities };
  if (allocation === undefined) return { Request: request, Refused: "no such allocation" };
  const group = allocation.Job.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
  const { Workload, Identity } = request;
  const task = group?.Tasks.find((each) => each.Name === Workload.Task);
  const found =
    Workload.Kind === "service"
      ? [...(group?.Services ?? []), ...(task?.Services ?? [])].find((each) => each.Name === Workload.Service)?.Identity
      : [task?.Identity, ...(task?.Identities ?? [])].find((each) => (each?.Name || "default") === Identity);
  const IssuedAt = Math.floor(nowMs / 1000);
  return {
    Request: request,
    JWT: `jwt of ${Workload.Task} ${Identity} ${server.signed.length}`,
    IssuedAt,
    ExpiresAt: (found?.TTL ?? 0) === 0 ? 0 : IssuedAt + (found?.TTL ?? 0) / 1e9,
  };
}

/** `a` → a UUID of its own. */
export function allocationId(letter: string): AllocationId {
  return `${letter.repeat(8)}-0000-4000-8000-000000000000` as AllocationId;
}

export interface AllocationShape extends Partial<Omit<Allocation, "ID" | "Job">> {
  readonly type?: string;
  readonly tasks?: readonly (Partial<Omit<Task, "Config">> & { readonly Config?: Behaviour })[];
  readonly group?: Parameters<typeof aGroup>[0];
  readonly job?: Partial<Omit<Job, "ID" | "Namespace">>;
}

/** An allocation of one group on this node; tasks run the mock driver until stopped unless said otherwise. */
export function anAllocation(
  letter: string,
  { type = "service", tasks = [{}], group = {}, job = {}, ...fields }: AllocationShape = {},
): Allocation {
  const made = tasks.map((task) => aTask({ Driver: "mock", ...task, Config: { ...task.Config } }));
  const theGroup = aGroup({ Name: "web", Tasks: made, ...group });
  return {
    ID: allocationId(letter),
    Namespace: "default",
    EvalID: "e",
    Name: "app.web[0]",
    NodeID: "n" as NodeId,
    NodeName: "here",
    JobID: "app",
    JobVersion: 0,
    Job: aJob({ Type: type, TaskGroups: [theGroup], ...job }),
    TaskGroup: "web",
    AllocatedResources: {
      Tasks: Object.fromEntries(
        made.map((task) => [
          task.Name,
          { Cpu: { CpuShares: 100, ReservedCores: [] }, Memory: { MemoryMB: 32, MemoryMaxMB: 0 }, Networks: [], Devices: [] },
        ]),
      ),
      TaskLifecycles: {},
      Shared: { DiskMB: 10, Networks: [], Ports: [] },
    },
    Metrics: null,
    DesiredStatus: "run",
    DesiredDescription: "",
    DesiredTransition: {},
    ClientStatus: "pending",
    ClientDescription: "",
    TaskStates: {},
    DeploymentID: "",
    DeploymentStatus: null,
    FollowupEvalID: "",
    PreviousAllocation: "",
    NextAllocation: "",
    RescheduleTracker: null,
    PreemptedAllocations: [],
    PreemptedByAllocation: "",
    CreateIndex: 1,
    ModifyIndex: 1,
    AllocModifyIndex: 1,
    CreateTime: 0,
    ModifyTime: 0,
    ...fields,
  } as unknown as Allocation;
}

/** A second. */
export const SECOND = 1_000;
export const NANOSECONDS = 1e9;
