/** What `sidecar_task` says of a sidecar holds for the real one: its program's words, environment, limits, user, end, and a container in place of a program. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { answers } from "./parts/ask.ts";
import { startDocker } from "./parts/docker.ts";
import { meshJob, upstreamTo } from "./parts/mesh-jobs.ts";
import { startMeshWorld, type MeshWorld } from "./parts/mesh-world.ts";
import { startNetworkWorld } from "./parts/network-world.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };

const OWN = `sidecar_task {
          user          = "nobody"
          kill_timeout  = "3s"
          kill_signal   = "SIGINT"
          shutdown_delay = "1s"
          config {
            args = ["-c", "\${NOMAD_SECRETS_DIR}/envoy_bootstrap.json", "-l", "debug", "--concurrency", "2", "--disable-hot-restart"]
          }
          env {
            WHOSE = "\${NOMAD_GROUP_NAME}"
          }
          meta {
            layer = "edge"
          }
          logs {
            max_files     = 3
            max_file_size = 4
          }
          resources {
            cpu    = 70
            memory = 96
          }
        }`;

const CONTAINER = `sidecar_task {
          driver = "docker"
          shutdown_delay = "0s"
          config {
            image = "envoy:test"
            args  = ["-c", "\${NOMAD_SECRETS_DIR}/envoy_bootstrap.json", "-l", "info", "--concurrency", "1", "--disable-hot-restart"]
          }
          resources {
            memory = 128
          }
        }`;

interface TaskShape {
  readonly Name: string;
  readonly Driver: string;
  readonly KillTimeout: number;
  readonly KillSignal: string;
  readonly ShutdownDelay: number;
  readonly Meta: Readonly<Record<string, string>> | null;
  readonly LogConfig: { readonly MaxFiles: number; readonly MaxFileSizeMB: number };
  readonly Resources: { readonly CPU: number; readonly MemoryMB: number };
}

test(
  "a sidecar runs as its job says: as that user, with those words and limits, or as a container; and both talk to each other",
  LIVE,
  async (t) => {
    const network = await startNetworkWorld(t);
    const [host] = network.hosts;
    assert.ok(host);
    const docker = await startDocker({ owner: t, host });
    await docker.envoyImage("envoy:test");
    const config = { "30-docker.hcl": `plugin "docker" {\n  config {\n    endpoint = "${docker.endpoint}"\n  }\n}\n` };
    const world = await startMeshWorld(t, { on: { network, hosts: [host] }, config });
    await world.submit(
      meshJob("shop", [
        { name: "api", connect: CONTAINER },
        { name: "web", open: true, upstream: "http://127.0.0.1:9009", proxy: upstreamTo("api", 9009), connect: OWN },
      ]),
    );
    const web = (await world.running("shop", 2)).find(({ TaskGroup }) => TaskGroup === "web");
    assert.ok(web);
    await answers(world, "web <- api", await world.address(web, "http"), "/upstream");

    const tasks = await tasksOf(world, "shop");
    const task = tasks.find(({ Name }) => Name === "connect-proxy-web");
    assert.ok(task);
    assert.deepEqual([task.KillTimeout, task.ShutdownDelay, task.KillSignal], [3e9, 1e9, "SIGINT"]);
    assert.deepEqual([task.Meta?.["layer"], task.LogConfig.MaxFiles, task.LogConfig.MaxFileSizeMB], ["edge", 3, 4]);
    assert.deepEqual([task.Resources.CPU, task.Resources.MemoryMB], [70, 96]);

    const words = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    const pid = (await host.pids()).find((each) => /^\S*envoy .*-l debug --concurrency 2/.test(words(each)));
    assert.ok(pid, "the Envoy with these words");
    assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^Uid:\t65534\t/m);
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    assert.ok(environment.includes("WHOSE=web"));
    assert.ok(environment.includes("NOMAD_META_layer=edge"));
    const logs = await world.agent.request(`/v1/client/fs/logs/${web.ID}?task=connect-proxy-web&type=stderr&plain=true`);
    assert.match(await logs.text(), /\[debug\]/);

    const { Id } = await docker.client.getImage("envoy:test").inspect();
    const [container] = (await docker.containers()).filter(({ Names }) => Names.some((name) => name.startsWith("/connect-proxy-api-")));
    assert.deepEqual([container?.ImageID, container?.State], [Id, "running"]);
    assert.equal(tasks.find(({ Name }) => Name === "connect-proxy-api")?.Driver, "docker");
    await world.purge("shop");
    assert.deepEqual(
      (await docker.containers()).map(({ Names }) => Names),
      [],
    );
  },
);

async function tasksOf(world: MeshWorld, job: string): Promise<readonly TaskShape[]> {
  const { TaskGroups } = await world.agent.get<{ TaskGroups: readonly { Tasks: readonly TaskShape[] }[] }>(`/v1/job/${job}`);
  return TaskGroups.flatMap(({ Tasks }) => Tasks);
}
