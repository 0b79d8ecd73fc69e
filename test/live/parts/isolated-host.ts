/**
 * A host of the test's own on this machine: its own network (interfaces, routes, firewall, ports), mounts (/run/netns, /run/cni, /var/lib/cni, /sys) and
 * name; processes and files are the machine's. What runs in it may make the bridge "nomad" and write firewall rules without anybody else
 * seeing them, and all of it is gone with its last process. Needs root.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { run, type CommandResult } from "../real-agent.ts";

export interface IsolatedHost {
  /** Its hostname. */
  readonly name: string;
  /** On eth0: how the test and other hosts reach it. */
  readonly address: string;
  /** The words before a command that make it run here; it keeps its pid. */
  readonly through: readonly string[];
  run(command: string, args: readonly string[], options?: { input?: string; timeoutMs?: number }): Promise<CommandResult>;
  /** As run(), and throws with what it said unless it succeeds. */
  must(command: string, ...args: readonly string[]): Promise<string>;
  /** Of every process of it, those in networks made here too. */
  pids(): Promise<number[]>;
  /** The cable is pulled: nothing comes and nothing goes, but on its own loopback. */
  cutOff(): Promise<void>;
  heal(): Promise<void>;
  /** Ends everything that runs here. More than once does no harm. */
  remove(): Promise<void>;
}

export interface HostPlace {
  readonly name: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** On this machine; eth0 of the host is plugged into it. */
  readonly bridge: string;
  /** The machine's end of the cable; at most 15 letters. */
  readonly cable: string;
  /** The words before a command that make it run where the bridge is. Default: none, the bridge is on this machine. */
  readonly bridgeThrough?: readonly string[];
  /** Packets between its interfaces are let through (default true). */
  readonly forwarding?: boolean;
}

/** The cgroups of the machine stay; /sys shows this network's interfaces. */
const PREPARE = `set -e
cgroups=$(mktemp -d)
mount --rbind /sys/fs/cgroup "$cgroups"
mount -t sysfs sysfs /sys
mount --rbind "$cgroups" /sys/fs/cgroup
umount -l "$cgroups"
rmdir "$cgroups"
mkdir -p /run/netns /run/cni /var/lib/cni
mount -t tmpfs -o mode=755 tmpfs /run/netns
mount -t tmpfs -o mode=700 tmpfs /run/cni
mount -t tmpfs -o mode=700 tmpfs /var/lib/cni
ip link set lo up
echo "$FORWARDING" >/proc/sys/net/ipv4/ip_forward
hostname "$HOST"
echo ready
exec cat`;

export async function startIsolatedHost(place: HostPlace): Promise<IsolatedHost> {
  // It ends with the test: its standard input does.
  const holder = spawn("unshare", ["--mount", "--net", "--uts", "--propagation", "private", "sh", "-c", PREPARE], {
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`,
      FORWARDING: place.forwarding === false ? "0" : "1",
      HOST: place.name,
    },
  });
  await untilReady(holder, place.name);
  const pid = holder.pid as number;
  const through = ["nsenter", "--target", String(pid), "--mount", "--net", "--uts", "--"];
  const words = (command: string, args: readonly string[]) => [...through.slice(1), command, ...args];
  const within = (command: string, args: readonly string[], options = {}) => run("nsenter", words(command, args), options);
  const must = async (command: string, ...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await within(command, args);
    if (code !== 0) throw new Error(`${command} ${args.join(" ")} in ${place.name}: ${code}: ${stderr}${stdout}`);
    return stdout;
  };
  const pids = async (): Promise<number[]> => {
    const made = await within("sh", ["-c", "stat -L -c %i /run/netns/* 2>/dev/null"]).catch(() => ({ stdout: "" }));
    return processesIn(pid, made.stdout.split("\n").filter(Boolean)).filter((each) => each !== pid);
  };
  const atBridge = (...command: string[]): Promise<void> => {
    const [first = "", ...rest] = [...(place.bridgeThrough ?? []), ...command];
    return machine(first, ...rest);
  };
  let removed = false;
  const host: IsolatedHost = {
    name: place.name,
    address: place.address,
    through,
    run: within,
    must,
    pids,
    cutOff: () => atBridge("ip", "link", "set", place.cable, "down"),
    heal: () => atBridge("ip", "link", "set", place.cable, "up"),
    async remove() {
      if (removed) return;
      removed = true;
      for (let round = 0; round < 100; round++) {
        const left = await pids();
        if (left.length === 0) break;
        for (const each of left) kill(each);
        await sleep(20);
      }
      const over = new Promise<void>((resolve) => holder.once("exit", () => resolve()));
      if (holder.exitCode === null && holder.signalCode === null) {
        holder.kill("SIGKILL");
        await over;
      }
      // The kernel takes a network's interfaces away a moment after its last process.
      const [first = "", ...words] = [...(place.bridgeThrough ?? []), "ip", "link", "delete", place.cable];
      spawnSync(first, words, { stdio: "ignore" });
    },
  };
  try {
    await atBridge("ip", "link", "add", place.cable, "type", "veth", "peer", "name", "eth0", "netns", String(pid));
    await atBridge("ip", "link", "set", place.cable, "master", place.bridge, "up");
    await must("ip", "address", "add", `${place.address}/${place.prefixLength}`, "dev", "eth0");
    await must("ip", "link", "set", "eth0", "up");
    await must("ip", "route", "add", "default", "via", place.gateway);
  } catch (error) {
    await host.remove();
    throw error;
  }
  return host;
}

/** Runs a command on the machine itself. */
export async function machine(command: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(command, args, { env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` } });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${code}: ${stderr}`);
}

function untilReady(holder: ChildProcess, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (data: Buffer): void => {
      said += data.toString();
      if (said.includes("ready\n")) resolve();
    };
    holder.stdout?.on("data", hear);
    holder.stderr?.on("data", hear);
    holder.once("error", reject);
    holder.once("exit", (code) => reject(new Error(`${name} could not be made (exit code ${code}; it needs root): ${said}`)));
  });
}

/** In the mounts or the network of the holder, or in one of the networks with these numbers. */
function processesIn(holder: number, networks: readonly string[]): number[] {
  const seen = (pid: number | string, kind: string): string => {
    try {
      return readlinkSync(`/proc/${pid}/ns/${kind}`);
    } catch {
      return "";
    }
  };
  const mounts = seen(holder, "mnt");
  const own = new Set([seen(holder, "net"), ...networks.map((inode) => `net:[${inode}]`)].filter(Boolean));
  if (mounts === "") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => seen(pid, "mnt") === mounts || own.has(seen(pid, "net")))
    .filter((pid) => !isDead(pid))
    .map(Number);
}

function isDead(pid: string): boolean {
  try {
    statSync(`/proc/${pid}`);
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .startsWith("Z");
  } catch {
    return true;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
