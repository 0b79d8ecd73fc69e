/**
 * A host where groups of every kind live and die (exec, raw_exec, docker, both in one group, with sidecars) under one agent that is killed whenever the
 * test likes; and all that such a life may leave behind, in one value: of the host, of docker, of Consul with access control, of the agent itself.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { AGENT_RULES, consulConnection, setUpConsul } from "#integrations/consul";
import { cniFolder, toolPath } from "../../scripts/tool-path.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { startDocker, type RealDocker } from "./parts/docker.ts";
import { HTTP_APP_IN_CHROOT } from "./parts/http-app.ts";
import { difference, hostState, type HostState } from "./parts/host-state.ts";
import type { IsolatedHost } from "./parts/isolated-host.ts";
import { startNetworkWorld } from "./parts/network-world.ts";
import type { PartOwner } from "./parts/process.ts";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

export interface LifecycleWorldOptions {
  /** Default true. */
  readonly docker?: boolean;
  /** Default true: with it come sidecars. */
  readonly consul?: boolean;
  /** More lines of `client { … }`. */
  readonly client?: string;
  /** More lines of `plugin "docker" { config { … } }`. */
  readonly dockerConfig?: string;
}

export interface LifecycleWorld {
  readonly host: IsolatedHost;
  readonly agent: RealAgent;
  readonly docker: RealDocker | undefined;
  readonly consul: RealConsul | undefined;
  /** Those that can live here. */
  readonly kinds: readonly Kind[];
  /** Also while the agent is being killed: asked again until somebody has taken it. */
  submit(id: string, kind: Kind | string): Promise<void>;
  stop(id: string): Promise<void>;
  allocations(id: string): Promise<readonly Listed[]>;
  running(id: string, timeoutMs?: number): Promise<Listed>;
  /** Every allocation of these has ended. */
  over(ids: readonly string[], timeoutMs?: number): Promise<void>;
  /** Collects what ended, and waits until the node knows of nothing any more. */
  collect(): Promise<void>;
  /** What a life may leave behind; the agent's own process aside. */
  state(): Promise<HostState>;
  /** Of the agent's process now. */
  size(): { readonly files: number; readonly sockets: number; readonly children: number };
}

export interface Listed {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly TaskStates: Readonly<
    Record<string, { readonly State: string; readonly Restarts: number; readonly Events: readonly { DisplayMessage: string }[] }>
  > | null;
}

export type Kind = "exec" | "raw_exec" | "docker" | "shared" | "sidecar" | "docker-sidecar";
const WITH_DOCKER: readonly Kind[] = ["docker", "shared", "docker-sidecar"];
const WITH_CONSUL: readonly Kind[] = ["sidecar", "docker-sidecar"];
export const IMAGE = "drover-test/app:1";

export async function startLifecycleWorld(t: PartOwner, options: LifecycleWorldOptions = {}): Promise<LifecycleWorld> {
  const { hosts } = await startNetworkWorld(t);
  const host = hosts[0] as IsolatedHost;
  const docker = options.docker === false ? undefined : await startDocker({ owner: t, host });
  await docker?.busyboxImage(IMAGE);
  const consul = options.consul === false ? undefined : await startConsul({ owner: t, host, acl: true });
  const token = consul === undefined ? "" : await agentToken(consul);
  const agent = await startRealAgent({
    host,
    config: {
      "10-server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n",
      "20-client.hcl": clientOf(options.client ?? ""),
      "30-docker.hcl":
        docker === undefined
          ? 'plugin "docker" {\n  config {\n    enabled = false\n  }\n}\n'
          : `plugin "docker" {\n  config {\n    endpoint = "${docker.endpoint}"\n    ${options.dockerConfig ?? ""}\n  }\n}\n`,
      ...(consul === undefined ? {} : { "40-consul.hcl": consulOf(consul, token) }),
    },
  });
  t.after(() => agent.remove());
  if (consul !== undefined) await trust(consul, agent);
  return worldOf(host, agent, docker, consul);
}

function worldOf(host: IsolatedHost, agent: RealAgent, docker: RealDocker | undefined, consul: RealConsul | undefined): LifecycleWorld {
  /** An agent that is away, or that just came back without its leader, is asked again. */
  const asked = async (path: string, init?: RequestInit): Promise<Response> =>
    await eventually(
      `an answer of ${path}`,
      async () => {
        const answer = await agent.request(path, { ...init, signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
        if (answer === undefined || answer.status >= 500) return undefined;
        return answer;
      },
      40_000,
    );
  const get = async <T>(path: string): Promise<T> => {
    const answer = await asked(path);
    assert.equal(answer.status, 200, `${path}: ${answer.status}`);
    return (await answer.json()) as T;
  };
  const put = async (path: string, method: string, body?: unknown): Promise<Response> => {
    const answer = await asked(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    assert.ok(answer.ok || answer.status === 404, `${path}: ${answer.status} ${answer.ok ? "" : await answer.clone().text()}`);
    return answer;
  };
  const ours = [dirname(agent.dataDirectory), "/run/netns/", ...(docker === undefined ? [] : [dirname(docker.socketPath)])];
  const allocations: LifecycleWorld["allocations"] = (id) => get(`/v1/job/${id}/allocations?all=true`);
  const withEvents = (all: readonly Listed[]): string =>
    JSON.stringify(
      all.map((each) => ({
        ...each,
        TaskStates: Object.fromEntries(
          Object.entries(each.TaskStates ?? {}).map(([name, { State, Events }]) => [
            name,
            [State, ...Events.slice(-6).map((event) => event.DisplayMessage)],
          ]),
        ),
      })),
      null,
      1,
    );
  return {
    host,
    agent,
    docker,
    consul,
    kinds: (["exec", "raw_exec", "docker", "shared", "sidecar", "docker-sidecar"] as const).filter(
      (kind) => (docker !== undefined || !WITH_DOCKER.includes(kind)) && (consul !== undefined || !WITH_CONSUL.includes(kind)),
    ),
    async submit(id, kind) {
      const hcl = kind.includes("job ") ? kind : jobOf(id, kind as Kind);
      const job = await (await put("/v1/jobs/parse", "POST", { JobHCL: hcl, Canonicalize: true })).json();
      await put("/v1/jobs", "POST", { Job: job });
    },
    stop: async (id) => void (await put(`/v1/job/${id}`, "DELETE")),
    allocations,
    async running(id, timeoutMs = 40_000) {
      let seen: readonly Listed[] = [];
      return await eventually(
        `${id} to run`,
        async () => {
          seen = await allocations(id);
          return seen.find(
            ({ ClientStatus, DesiredStatus, TaskStates }) =>
              ClientStatus === "running" &&
              DesiredStatus === "run" &&
              Object.values(TaskStates ?? {}).every(({ State }) => State === "running"),
          );
        },
        timeoutMs,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${withEvents(seen)}\n${agent.output().slice(-6_000)}`);
      });
    },
    async over(ids, timeoutMs = 60_000) {
      let seen: readonly Listed[] = [];
      await eventually(
        `allocations of ${ids.join(", ")} to end`,
        async () => {
          seen = (await Promise.all(ids.map(allocations))).flat();
          return seen.every(({ ClientStatus }) => ["complete", "failed", "lost"].includes(ClientStatus));
        },
        timeoutMs,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${withEvents(seen)}\n${agent.output().slice(-6_000)}`);
      });
    },
    async collect() {
      await put("/v1/system/gc", "PUT");
      await eventually("the node to have forgotten what ended", () => readdirSync(join(agent.dataDirectory, "alloc")).length === 0, 30_000);
    },
    state: async () => {
      const found = await hostState({
        host,
        dataDirectory: agent.dataDirectory,
        ...(consul && { consul }),
        ...(docker && { docker: docker.socketPath }),
      });
      const groups = docker === undefined ? [] : ((await hostState({ words: [docker.cgroupParent] })).cgroup ?? []);
      return {
        ...found,
        // The host began with the mounts of the machine, of others' tests too, which come and go.
        mount: (found.mount ?? []).filter((line) => ours.some((folder) => line.includes(folder))),
        // The agent itself comes back with another number; what belongs to it is told by what it does.
        process: (found.process ?? []).map((line) => line.replace(/^\d+ /, "")).toSorted(),
        "docker's control group": groups,
        "file of the client": filesBelow(join(agent.dataDirectory, "client")).filter(
          (file) => !/\/(state|memory)[^/]*\.(sqlite|db)|-wal$|-shm$/.test(file),
        ),
      };
    },
    size: () => {
      const open = openFiles(agent.pid);
      return {
        files: open.filter((each) => !each.startsWith("socket:")).length,
        sockets: open.filter((each) => each.startsWith("socket:")).length,
        children: readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, "utf8").split(" ").filter(Boolean).length,
      };
    },
  };
}

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((each) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${each}`)];
    } catch {
      return []; // Closed while we looked.
    }
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => !each.isDirectory())
    .map((each) => join(each.parentPath, each.name).slice(folder.length));
}

/** What is there and was not; and what went but belongs to everybody (the bridge, its rules). Programs that look at the machine, or end some time after their last task, come and go. */
export function leftSince(before: HostState, after: HostState): string[] {
  let keepers = 0;
  return difference(before, after).filter((line) => {
    // One keeper of logs is the agent's own, once a task has run; before, a slow machine may have seen none.
    if (/^left: (process .*|file of the client )\/log-keeper\/(main\.ts|socket)/.test(line))
      return line.includes("process") && keepers++ > 0;
    return !/^gone: (process|file of the client) |^left: process \S+\/cni\//.test(line);
  });
}

export const freshName = (kind: string): string => `${kind.replace("_", "-")}-${randomUUID().slice(0, 8)}`;

function clientOf(more: string): string {
  const shown = [
    ...["/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr"].map((path) => [path, path]),
    [toolPath("http-app"), HTTP_APP_IN_CHROOT],
  ];
  return `client {
  enabled = true
  network_interface = "eth0"
  cni_path   = ${JSON.stringify(cniFolder())}
  envoy_path = ${JSON.stringify(toolPath("envoy"))}
  chroot_env {
${shown.map(([from, to]) => `    ${JSON.stringify(from)} = ${JSON.stringify(to)}`).join("\n")}
  }
  ${more}
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
`;
}

function consulOf(consul: RealConsul, token: string): string {
  const identity = '{\n    aud = ["consul.io"]\n    ttl = "1h"\n  }';
  return `consul {
  address = "http://127.0.0.1:${consul.httpPort}"
  grpc_address = "127.0.0.1:${consul.grpcPort}"
  token = "${token}"
  service_identity ${identity}
  task_identity ${identity}
}
`;
}

async function agentToken(consul: RealConsul): Promise<string> {
  await consul.put("/v1/acl/policy", { Name: "drover", Rules: AGENT_RULES });
  return (await consul.put<{ SecretID: string }>("/v1/acl/token", { Description: "Drover", Policies: [{ Name: "drover" }] })).SecretID;
}

async function trust(consul: RealConsul, agent: RealAgent): Promise<void> {
  const tls = { caFile: "", certFile: "", keyFile: "", verify: true };
  const connection = consulConnection({
    address: `http://${consul.httpAddress}`,
    token: consul.token ?? "",
    auth: "",
    tls,
    timeoutMs: 10_000,
  });
  try {
    await setUpConsul(connection, { jwksUrl: `${agent.address}/.well-known/jwks.json`, jwksCa: "", namespaces: ["default"] });
  } finally {
    connection.close();
  }
}

const serves = (listen: string): string => JSON.stringify(["serve", "-listen", listen, "-word", "here"]);
const task = (name: string, driver: string, listen: string, port = ""): string => `task "${name}" {
      driver = "${driver}"
      config {
        ${driver === "docker" ? `image = "${IMAGE}"\n        command = "/bin/http-app"` : `command = "${driver === "exec" ? HTTP_APP_IN_CHROOT : toolPath("http-app")}"`}
        args = ${serves(listen)}
        ${port}
      }
      kill_timeout = "300ms"
      resources {
        cpu    = 20
        memory = 32
      }
    }`;

/** Each serves "here" on the port "http" of the host; with a sidecar its service is called as its job is. */
export function jobOf(id: string, kind: Kind): string {
  const sidecar = WITH_CONSUL.includes(kind)
    ? `service {
      name     = "${kind}"
      port     = "8080"
      provider = "consul"
      connect {
        sidecar_service {}
        sidecar_task {
          kill_timeout = "300ms"
        }
      }
    }`
    : "";
  const tasks = {
    exec: task("main", "exec", ":8080"),
    raw_exec: task("main", "raw_exec", ":8080"),
    docker: task("main", "docker", ":8080"),
    shared: `${task("main", "docker", ":8080")}\n    ${task("friend", "exec", "127.0.0.1:8081")}`,
    sidecar: task("main", "raw_exec", ":8080"),
    "docker-sidecar": task("main", "docker", ":8080"),
  }[kind];
  return `job "${id}" {
  group "g" {
    network {
      mode = "bridge"
      port "http" {
        to = 8080
      }
    }
    ${sidecar}
    ${tasks}
  }
}
`;
}
