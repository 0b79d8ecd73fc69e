/** A dockerd of a test's own: own folders, own socket, no rules of the firewall, no bridge. Ended by its pid, with its containerd and mounts. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import Docker from "dockerode";
import { DOCKER_PROGRAMS, toolPath } from "../../scripts/tool-path.ts";
import { eventually } from "../eventually.ts";
import { ownFolder } from "../live/remains.ts";

export interface DockerDaemon {
  readonly endpoint: string;
  readonly docker: Docker;
  start(): Promise<void>;
  /** SIGTERM. With live-restore containers go on. */
  stop(): Promise<void>;
  /** SIGKILL, of it alone. */
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  remove(): Promise<void>;
}

export async function startDockerDaemon(
  options: { readonly liveRestore?: boolean; readonly more?: readonly string[] } = {},
): Promise<DockerDaemon> {
  const folder = ownFolder("dockerd");
  const at = (name: string) => path.join(folder, name);
  const endpoint = `unix://${at("sock")}`;
  const docker = new Docker({ socketPath: at("sock") });
  const name = path.basename(folder);
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();

  const answers = async () => {
    if (child?.exitCode !== null) throw new Error(`dockerd ended:\n${readFileSync(at("log"), "utf8").slice(-3000)}`);
    return await docker.ping().then(
      () => true,
      () => false,
    );
  };
  /** Only one of ours: the number may be another's by now. */
  const containerdPid = (): number | undefined => {
    try {
      const pid = Number(readFileSync(at("exec/containerd/containerd.pid"), "utf8"));
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder) ? pid : undefined;
    } catch {
      return undefined;
    }
  };
  const daemon: DockerDaemon = {
    endpoint,
    docker,
    async start() {
      rmSync(at("pid"), { force: true });
      // A containerd that went with its dockerd may stay a zombie, which dockerd would take for a living one.
      if (containerdPid() === undefined) rmSync(at("exec/containerd/containerd.pid"), { force: true });
      const log = openSync(at("log"), "a");
      const words = ["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid"), "-H", endpoint];
      const rules = [
        "--iptables=false",
        "--ip6tables=false",
        "--bridge=none",
        "--containerd-namespace",
        name,
        "--containerd-plugins-namespace",
        `${name}-p`,
      ];
      const started = spawn(
        toolPath("dockerd"),
        [...words, ...rules, ...(options.liveRestore === true ? ["--live-restore"] : []), ...(options.more ?? [])],
        {
          env: { ...process.env, PATH: `${DOCKER_PROGRAMS}:${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
          stdio: ["ignore", log, log],
        },
      );
      closeSync(log);
      child = started;
      ended = new Promise((resolve) => started.once("exit", resolve));
      await eventually("dockerd to answer", answers, 60_000);
    },
    async stop() {
      child?.kill("SIGTERM");
      await ended;
    },
    async kill() {
      child?.kill("SIGKILL");
      await ended;
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    async remove() {
      child?.kill("SIGCONT");
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) await daemon.start();
      for (const each of await docker.listContainers({ all: true }))
        await docker
          .getContainer(each.Id)
          .remove({ force: true })
          .catch(() => {});
      await daemon.stop();
      const containerd = containerdPid();
      if (containerd !== undefined) process.kill(containerd, "SIGKILL");
      for (const mount of mountsBelow(folder)) execFileSync("umount", ["-l", mount]);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await daemon.start();
  return daemon;
}

function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((mount) => mount.startsWith(`${folder}/`))
    .toReversed();
}
