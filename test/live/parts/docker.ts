/**
 * A Docker daemon of the test's own (Debian's, unpacked below .tools): its data, socket, containerd and control groups are its own, and it writes no
 * firewall rule. Nothing can be pulled; images are made of busybox, the HTTP app, Envoy. Needs root.
 */
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { basename, dirname, join } from "node:path";
import Docker from "dockerode";
import { DOCKER_PROGRAMS, toolPath } from "../../../scripts/tool-path.ts";
import { mountsUnder, processesUnder } from "../remains.ts";
import { eventually, run } from "../real-agent.ts";
import type { IsolatedHost } from "./isolated-host.ts";
import { partProcess, type PartOwner } from "./process.ts";

export interface DockerOptions {
  readonly owner: PartOwner;
  /** A host of the test's own that it runs on. Default: the machine. */
  readonly host?: IsolatedHost;
  /** A bridge of its own with this address ("10.200.1.1/24"), for containers without a network of the job's; made and removed here. Default: none. */
  readonly bridgeAddress?: string;
}

export interface RealDocker {
  /** /…/docker.sock */
  readonly socketPath: string;
  /** unix:///…/docker.sock, as `plugin "docker" { config { endpoint } }` and DOCKER_HOST take it. */
  readonly endpoint: string;
  readonly client: Docker;
  readonly pid: number;
  /** Of its control groups, below each hierarchy: "drover-docker-…". */
  readonly cgroupParent: string;
  output(): string;
  /** busybox with its commands in /bin, and the HTTP app as /bin/http-app. `changes` in a Dockerfile's words: "CMD [\"sleep\", \"60\"]". */
  busyboxImage(name: string, changes?: readonly string[]): Promise<void>;
  /** Envoy as `envoy` with the libraries it needs, and its entry point: what meta.connect.sidecar_image names. 110 MB. */
  envoyImage(name: string): Promise<void>;
  /** Any files: path inside → file of the machine. Libraries of programs come with them. */
  image(name: string, files: Readonly<Record<string, string>>, changes?: readonly string[]): Promise<void>;
  /** Of every container, those that ended too. */
  containers(): Promise<readonly Docker.ContainerInfo[]>;
  /** SIGTERM; containers end with it. */
  stop(): Promise<void>;
  /** SIGKILL: containers live on with their shims. */
  kill(): Promise<void>;
  /** Ends it if it runs, and starts it again on its data. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Ends it and its containers and removes everything. */
  remove(): Promise<void>;
}

export async function startDocker(options: DockerOptions): Promise<RealDocker> {
  const through = options.host?.through ?? [];
  const part = await partProcess("docker", undefined, {
    through,
    environment: { PATH: `${DOCKER_PROGRAMS}:${process.env["PATH"]}:/usr/sbin:/sbin` },
  });
  const label = basename(part.folder).slice(-6).toLowerCase();
  const socketPath = join(part.folder, "docker.sock");
  const client = new Docker({ socketPath });
  const cgroupParent = `drover-docker-${label}`;
  const bridge = options.bridgeAddress === undefined ? undefined : `dk-${label}`;
  const onHost = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await run(words[0] as string, words.slice(1));
    if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  };
  const files = { data: join(part.folder, "data"), exec: join(part.folder, "exec"), pid: join(part.folder, "docker.pid") };
  const start = async (): Promise<void> => {
    // One that was killed left it, and it may be another's by now.
    for (const file of [files.pid, join(files.exec, "containerd", "containerd.pid")]) rmSync(file, { force: true });
    await part.start(
      toolPath("dockerd"),
      [
        "--host",
        `unix://${socketPath}`,
        "--data-root",
        files.data,
        "--exec-root",
        files.exec,
        "--pidfile",
        files.pid,
        "--config-file",
        configFile(part.folder),
        "--bridge",
        bridge ?? "none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--ip-masq=false",
        "--cgroup-parent",
        `/${cgroupParent}`,
        "--exec-opt",
        "native.cgroupdriver=cgroupfs",
        "--shutdown-timeout",
        "2",
        "--log-level",
        "warn",
      ],
      () => answers(socketPath),
    );
  };
  const endContainers = async (): Promise<void> => {
    if (!part.isRunning()) return;
    part.resume();
    const all = await client.listContainers({ all: true }).catch(() => []);
    await Promise.all(
      all.map(({ Id }) =>
        client
          .getContainer(Id)
          .remove({ force: true, v: true })
          .catch(() => undefined),
      ),
    );
  };
  let removed = false;
  const remove = async (): Promise<void> => {
    if (removed) return;
    removed = true;
    await endContainers();
    await part.stop();
    // containerd and shims of a daemon that was killed, and what runs in their containers.
    for (let round = 0; round < 100; round++) {
      const left = new Set([...processesUnder(part.folder).map(({ pid }) => pid), ...processesOfGroups(cgroupParent)]);
      if (left.size === 0) break;
      for (const pid of left) kill(pid);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const mount of mountsUnder(part.folder).toReversed()) await run("umount", ["-l", mount]);
    for (const group of groupsOf(cgroupParent).toReversed()) rmdirSync(group);
    if (bridge !== undefined) {
      const [first = "", ...words] = [...through, "ip", "link", "delete", bridge];
      await run(first, words);
    }
    await part.remove();
  };
  options.owner.after(remove);
  try {
    if (bridge !== undefined) {
      await onHost(...through, "ip", "link", "add", bridge, "type", "bridge");
      await onHost(...through, "ip", "address", "add", options.bridgeAddress as string, "dev", bridge);
      await onHost(...through, "ip", "link", "set", bridge, "up");
    }
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  const image: RealDocker["image"] = async (name, contents, changes = []) => {
    const folder = mkdtempSync(join(part.folder, "image-"));
    try {
      fill(folder, contents);
      const [repo = name, tag = "latest"] = name.split(/:(?!.*\/)/);
      const tar = spawn("tar", ["-c", "-C", folder, "."], { stdio: ["ignore", "pipe", "inherit"] });
      const answer = await client.importImage(tar.stdout, {
        repo,
        tag,
        changes: ["ENV PATH=/usr/local/bin:/usr/bin:/bin", ...changes].join("\n"),
      });
      await new Promise<void>((resolve, reject) => client.modem.followProgress(answer, (error) => (error ? reject(error) : resolve())));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  return {
    socketPath,
    endpoint: `unix://${socketPath}`,
    client,
    get pid() {
      return part.pid;
    },
    cgroupParent,
    output: part.output,
    image,
    busyboxImage: (name, changes) => image(name, { "bin/busybox": toolPath("busybox"), "bin/http-app": toolPath("http-app") }, changes),
    envoyImage: (name) =>
      image(name, { "usr/local/bin/envoy": toolPath("envoy"), "bin/busybox": toolPath("busybox") }, [
        'ENTRYPOINT ["/usr/local/bin/envoy"]',
      ]),
    containers: () => client.listContainers({ all: true }),
    stop: part.stop,
    kill: part.kill,
    async restart() {
      await part.kill();
      await endContainerd(files.exec);
      await start();
    },
    pause: part.pause,
    resume: part.resume,
    remove,
  };
}

/** It dies with its daemon, and may be a zombie for a while, which the next daemon would take for a living one. */
async function endContainerd(execRoot: string): Promise<void> {
  const daemons = () => processesUnder(execRoot).filter(({ command }) => /^\S*containerd --config/.test(command));
  for (const { pid } of daemons()) kill(pid);
  await eventually("containerd to end", () => daemons().length === 0);
}

/** Nothing of /etc/docker is read. */
function configFile(folder: string): string {
  const file = join(folder, "daemon.json");
  writeFileSync(file, "{}");
  return file;
}

/** A root folder with the files, their libraries, busybox's commands, and what programs expect of a root. */
function fill(folder: string, contents: Readonly<Record<string, string>>): void {
  const put = (inside: string, file: string): void => {
    const to = join(folder, inside);
    if (existsSync(to)) return;
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(file, to);
  };
  for (const [inside, file] of Object.entries(contents)) {
    put(inside, file);
    for (const library of librariesOf(file)) put(library, library);
    if (basename(inside) !== "busybox") continue;
    for (const name of execFileSync(file, ["--list"]).toString().split("\n").filter(Boolean)) {
      const link = join(folder, dirname(inside), name);
      if (!existsSync(link)) symlinkSync("busybox", link);
    }
  }
  for (const each of ["tmp", "etc", "proc", "sys", "dev", "root"]) mkdirSync(join(folder, each), { recursive: true });
  writeFileSync(join(folder, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
  writeFileSync(join(folder, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  execFileSync("chmod", ["1777", join(folder, "tmp")]);
}

/** "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)"; of a static program: none. */
function librariesOf(file: string): string[] {
  try {
    const said = execFileSync("ldd", [file], { stdio: ["ignore", "pipe", "ignore"] }).toString();
    return [...said.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string);
  } catch {
    return [];
  }
}

function groupsOf(parent: string): string[] {
  const root = "/sys/fs/cgroup";
  const below = (folder: string): string[] => [
    folder,
    ...readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => below(join(folder, entry.name))),
  ];
  return [root, ...readdirSync(root).map((name) => join(root, name))]
    .map((hierarchy) => join(hierarchy, parent))
    .filter((group) => existsSync(group))
    .flatMap(below);
}

function processesOfGroups(parent: string): number[] {
  return groupsOf(parent).flatMap((group) => {
    const file = join(group, "cgroup.procs");
    return existsSync(file) ? execFileSync("cat", [file]).toString().split("\n").filter(Boolean).map(Number) : [];
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const question = request({ socketPath, path: "/_ping", headers: { host: "docker" }, timeout: 2_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    question.on("error", () => resolve(false));
    question.on("timeout", () => question.destroy());
    question.end();
  });
}
