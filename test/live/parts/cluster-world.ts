/**
 * Machines of a test's own, joined by a switch of the test's own: each with its network, addresses and ports, so that several Drovers run with the
 * default ports, are cut off from each other, frozen, killed and moved to other addresses. The switch is in a network of its own too: nothing is
 * on this machine but processes, and all of them end with the test. Needs root.
 *
 *   const world = await startClusterWorld(t, { machines: 3 });          machines s1, s2, s3 at 10.x.y.11, .12, .13
 *   const [s1, s2, s3] = world.machines;
 *   const drover = await s1.agent({ "server.hcl": 'server { enabled = true bootstrap_expect = 3 … }' });
 *   await s1.get("/v1/status/leader");  await world.cutBetween(s1, s2);  await world.heal();
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { toolPath } from "../../../scripts/tool-path.ts";
import { eventually, REPOSITORY, type CommandResult } from "../real-agent.ts";
import { mountsUnder, ownFolder, processesUnder, removeRemains, sweepAbandoned } from "../remains.ts";
import { startIsolatedHost, type IsolatedHost } from "./isolated-host.ts";
import type { PartOwner } from "./process.ts";

const MAIN = join(REPOSITORY, "src", "main.ts");
const DOOR = join(import.meta.dirname, "machine-door.ts");
const LAST_WORDS_LENGTH = 6000;

export interface ClusterWorldOptions {
  /** How many (default 3), named s1, s2, …; or their names. */
  readonly machines?: number | readonly string[];
}

export interface ClusterWorld {
  /** "10.84.3." */
  readonly addresses: string;
  readonly folder: string;
  readonly machines: readonly ClusterMachine[];
  machine(name: string): ClusterMachine;
  /** Nothing passes between the two, either way; each still reaches the others. */
  cutBetween(one: ClusterMachine, other: ClusterMachine): Promise<void>;
  /** What was cut, by whatever, is whole again. */
  heal(): Promise<void>;
  /** Another machine at a free address. */
  add(name: string): Promise<ClusterMachine>;
  /** Ends everything and asserts that nothing is left. More than once does no harm. */
  remove(): Promise<void>;
}

export interface ClusterMachine {
  readonly name: string;
  /** As it is now. */
  readonly address: string;
  /** Its files: <folder>/data is its agent's data_dir, <folder>/config its configuration. */
  readonly folder: string;
  readonly host: IsolatedHost;
  /** A Drover command; runs until it ends, or is ended. */
  spawn(args: readonly string[], options?: SpawnOptions): MachineProcess;
  /** Any other program. */
  start(command: string, args: readonly string[], options?: SpawnOptions): MachineProcess;
  /** A Drover command to its end, against this machine's agent. */
  cli(...args: readonly string[]): Promise<CommandResult>;
  /**
   * Writes files of configuration (beside bind_addr, data_dir and name) and starts an agent on them. Without files: on those of before. Does not
   * wait for anything: `machine.answers()` does.
   */
  agent(files?: Readonly<Record<string, string>>, options?: SpawnOptions): MachineProcess;
  /** HTTP to its agent, from within the machine: also while it is cut off. */
  request(path: string, options?: MachineRequest): Promise<MachineAnswer>;
  /** The JSON of a 200; asserts that it is one. */
  get<T>(path: string, options?: MachineRequest): Promise<T>;
  /** Until its HTTP API answers anything. */
  answers(timeoutMs?: number): Promise<void>;
  /** A connection made from within the machine. */
  dial(host: string, port: number): Promise<Socket>;
  /** Everything that runs on it, what detached itself too. */
  pids(): Promise<number[]>;
  /** SIGKILL to everything on it, as when its power goes, and until nothing holds its ports; its files stay. */
  kill9(): Promise<void>;
  /** SIGSTOP, SIGCONT to everything on it. */
  stop(): Promise<void>;
  cont(): Promise<void>;
  /** The cable is pulled. */
  cut(): Promise<void>;
  heal(): Promise<void>;
  /** Its address is another one from now on ("10.84.3.77", or the next free one). What runs is not told. */
  readdress(address?: string): Promise<string>;
}

export interface SpawnOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Another Drover's main.ts (other-program.ts). Default: this one's. */
  readonly program?: string;
}

export interface MachineProcess {
  readonly pid: number;
  isRunning(): boolean;
  /** Everything it printed so far. */
  output(): string;
  /** And waits until it has ended; the exit code, 128 when a signal ended it. */
  end(signal: NodeJS.Signals): Promise<number>;
  kill9(): Promise<void>;
  stop(): void;
  cont(): void;
  /** Its exit code. */
  readonly ended: Promise<number>;
}

export interface MachineRequest {
  readonly method?: string;
  /** Sent as JSON unless it is a text. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 4646. */
  readonly port?: number;
  /** Default: the machine's own address. */
  readonly host?: string;
  /** Default 10 s. */
  readonly timeoutMs?: number;
  /** HTTPS by these. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string; readonly servername?: string };
}

export interface MachineAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  json<T>(): T;
}

export async function startClusterWorld(owner: PartOwner, options: ClusterWorldOptions = {}): Promise<ClusterWorld> {
  await sweepAbandoned();
  // What is run on a machine by whatever way finds it.
  process.env["PATH"] = pathWithConsul();
  const folder = ownFolder("cluster");
  const number = Math.floor(Math.random() * 0x10000);
  const addresses = `10.${64 + ((number >> 8) % 64)}.${number & 255}.`;
  const machines: ClusterMachine[] = [];
  let last = 10;
  let removed = false;
  const bridge = await startSwitch(`${addresses}1/24`);
  const remove = async (): Promise<void> => {
    if (removed) return;
    removed = true;
    const pids = (await Promise.all(machines.map((each) => each.host.pids()))).flat();
    await Promise.all(machines.map((each) => each.host.remove()));
    await bridge.remove();
    await removeRemains(folder);
    assert.deepEqual(processesUnder(folder), [], "processes left on the cluster's machines");
    assert.deepEqual(mountsUnder(folder), [], "mounts left by the cluster's machines");
    assert.deepEqual(pids.filter(isAlive), [], "processes of the cluster's machines that outlived them");
  };
  owner.after(remove);
  const add = async (name: string): Promise<ClusterMachine> => {
    assert.match(name, /^[a-z0-9]{1,8}$/);
    last += 1;
    const host = await startIsolatedHost({
      name,
      address: `${addresses}${last}`,
      prefixLength: 24,
      gateway: `${addresses}1`,
      bridge: "switch",
      cable: `c-${name}`,
      bridgeThrough: bridge.through,
    });
    const machine = machineOn(host, join(folder, name), `${addresses}1`, () => `${addresses}${++last}`);
    machines.push(machine);
    return machine;
  };
  const wanted = options.machines ?? 3;
  const names = typeof wanted === "number" ? Array.from({ length: wanted }, (_, index) => `s${index + 1}`) : wanted;
  try {
    for (const name of names) await add(name);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    addresses,
    folder,
    machines,
    machine(name) {
      const found = machines.find((each) => each.name === name);
      assert.ok(found, `no machine ${name}`);
      return found;
    },
    async cutBetween(one, other) {
      for (const [chain, flag] of [
        ["INPUT", "-s"],
        ["OUTPUT", "-d"],
      ] as const)
        await one.host.must("iptables", "-w", "-A", chain, flag, other.address, "-j", "DROP");
    },
    async heal() {
      for (const machine of machines) {
        await machine.host.must("iptables", "-w", "-F");
        await machine.heal();
      }
    },
    add,
    remove,
  };
}

function machineOn(host: IsolatedHost, folder: string, gateway: string, nextAddress: () => string): ClusterMachine {
  mkdirSync(join(folder, "config"), { recursive: true });
  mkdirSync(join(folder, "data"), { recursive: true });
  let address = host.address;
  let door: Promise<string> | undefined;
  const send = async (signal: NodeJS.Signals): Promise<void> => {
    for (const pid of await host.pids()) if (!readCommand(pid).includes(DOOR)) signalTo(pid, signal);
  };
  const start = (command: string, args: readonly string[], options: SpawnOptions = {}): MachineProcess =>
    processOf([...host.through, command, ...args], folder, options);
  const drover = (args: readonly string[], options: SpawnOptions = {}): MachineProcess =>
    start(process.execPath, [options.program ?? MAIN, ...args], options);
  const dial = async (to: string, port: number): Promise<Socket> => {
    door ??= openDoor(host, join(folder, "door.sock"));
    const socket = connect(await door);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(`${to}:${port}\n`);
    return socket;
  };
  const request = (path: string, options: MachineRequest = {}): Promise<MachineAnswer> => exchange(dial, address, path, options);
  const machine: ClusterMachine = {
    name: host.name,
    get address() {
      return address;
    },
    folder,
    host,
    spawn: drover,
    start,
    cli: (...args) => host.run("env", [`NOMAD_ADDR=http://${address}:4646`, "TZ=UTC", process.execPath, MAIN, ...args]),
    agent(files, options) {
      const config = join(folder, "config");
      if (files !== undefined) {
        rmSync(config, { recursive: true, force: true });
        mkdirSync(config);
        for (const [name, text] of Object.entries(files)) writeFileSync(join(config, name), text);
      }
      const data = JSON.stringify(join(folder, "data"));
      writeFileSync(join(config, "00-machine.hcl"), `name = "${host.name}"\nbind_addr = "${address}"\ndata_dir = ${data}\n`);
      return drover(["agent", "-config", config], options);
    },
    request,
    async get<T>(path: string, options?: MachineRequest) {
      const answer = await request(path, options);
      assert.equal(answer.status, 200, `${host.name} ${path}: ${answer.status} ${answer.text}`);
      return answer.json<T>();
    },
    answers: (timeoutMs = 30_000) =>
      eventually(
        `${host.name} to answer`,
        () =>
          request("/v1/agent/self", { timeoutMs: 2000 }).then(
            () => true,
            () => false,
          ),
        timeoutMs,
      ).then(() => undefined),
    dial,
    pids: async () => (await host.pids()).filter((pid) => !readCommand(pid).includes(DOOR)),
    async kill9() {
      await send("SIGKILL");
      await eventually(`everything on ${host.name} to be dead`, async () => !(await machine.pids()).some(isAlive));
    },
    stop: () => send("SIGSTOP"),
    cont: () => send("SIGCONT"),
    cut: host.cutOff,
    heal: host.heal,
    async readdress(wanted = nextAddress()) {
      // With the first address of a subnet its others go, and the route out.
      await host.must("ip", "address", "delete", `${address}/24`, "dev", "eth0");
      await host.must("ip", "address", "add", `${wanted}/24`, "dev", "eth0");
      await host.must("ip", "route", "add", "default", "via", gateway);
      address = wanted;
      return wanted;
    },
  };
  return machine;
}

/** A bridge in a network that nobody else has. */
async function startSwitch(address: string): Promise<{ readonly through: readonly string[]; remove(): Promise<void> }> {
  const script = `set -e
ip link set lo up
ip link add switch type bridge
ip link set switch up
ip address add ${address} dev switch
echo ready
exec cat`;
  const holder = spawn("unshare", ["--net", "sh", "-c", script], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
  });
  const ended = once(holder, "exit");
  await Promise.race([
    once(holder.stdout, "data"),
    ended.then(() => Promise.reject(new Error("the switch could not be made; it needs root"))),
  ]);
  return {
    through: ["nsenter", "--target", String(holder.pid), "--net", "--"],
    async remove() {
      holder.kill("SIGKILL");
      await ended;
    },
  };
}

/** Servers of a cluster, and commands beside them, look for the program on their PATH, as they do where they are installed. */
export function pathWithConsul(): string {
  const [path, folder] = [process.env["PATH"] ?? "", dirname(toolPath("consul"))];
  return path.split(":").includes(folder) ? path : `${path}:${folder}`;
}

function processOf(words: readonly string[], folder: string, options: SpawnOptions): MachineProcess {
  const [first = "", ...rest] = words;
  let printed = "";
  const child: ChildProcess = spawn(first, rest, {
    cwd: folder,
    env: { PATH: pathWithConsul(), HOME: folder, TZ: "UTC", ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout?.on("data", (data: Buffer) => (printed += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (printed += data.toString()));
  const ended = new Promise<number>((resolve) => {
    child.once("error", (error) => {
      printed += error.message;
      resolve(-1);
    });
    child.once("exit", (code, signal) => resolve(code ?? (signal === null ? -1 : 128)));
  });
  const isRunning = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const send = (signal: NodeJS.Signals): void => {
    if (isRunning()) child.kill(signal);
  };
  return {
    get pid() {
      return child.pid ?? 0;
    },
    isRunning,
    output: () => printed,
    async end(signal) {
      send(signal);
      return ended;
    },
    async kill9() {
      send("SIGKILL");
      await ended;
    },
    stop: () => send("SIGSTOP"),
    cont: () => send("SIGCONT"),
    ended,
  };
}

/** The path of the socket through which a test comes in. It ends with the test: its standard input does. */
async function openDoor(host: IsolatedHost, path: string): Promise<string> {
  const [first = "", ...words] = [...host.through, process.execPath, DOOR, path];
  const door = spawn(first, words, { stdio: ["pipe", "pipe", "inherit"] });
  door.stdin.on("error", () => undefined);
  await Promise.race([once(door.stdout, "data"), once(door, "exit").then(() => Promise.reject(new Error(`no way into ${host.name}`)))]);
  // It keeps nobody from ending.
  door.unref();
  for (const pipe of [door.stdin, door.stdout]) (pipe as unknown as Socket).unref();
  return path;
}

async function exchange(
  dial: (host: string, port: number) => Promise<Socket>,
  address: string,
  path: string,
  { method = "GET", body, headers = {}, port = 4646, host = address, timeoutMs = 10_000, tls }: MachineRequest,
): Promise<MachineAnswer> {
  const plain = await dial(host, port);
  const socket: Duplex = tls === undefined ? plain : connectTls({ socket: plain, ...tls });
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const { promise, resolve, reject } = Promise.withResolvers<MachineAnswer>();
  const options = {
    method,
    host,
    port,
    path,
    headers: { "content-length": String(Buffer.byteLength(text)), ...headers },
    createConnection: () => socket,
    signal: AbortSignal.timeout(timeoutMs),
  };
  const sent = (tls === undefined ? httpRequest : httpsRequest)(options, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", reject);
    response.on("end", () => {
      const said = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: said, json: <T>() => JSON.parse(said) as T });
    });
  });
  sent.on("error", reject);
  sent.end(text);
  return promise.finally(() => socket.destroy());
}

export function lastWords(each: MachineProcess): string {
  return each.output().slice(-LAST_WORDS_LENGTH);
}

function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .startsWith("Z");
  } catch {
    return false;
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}
