/** What the node says of its docker: nomad.md §2.3. One look; whether docker was ever seen here is the caller's memory. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DriverInfo } from "#model";
import { NamedError } from "#std";
import type { Daemon } from "./daemon.ts";
import type { DockerSettings } from "./options.ts";
import { unreachable } from "./problem.ts";

export interface DockerLook {
  readonly info: DriverInfo;
  readonly answered: boolean;
}

const LOOK_TIMEOUT_MS = 10_000;

export async function dockerLook(daemon: Daemon, settings: DockerSettings, before: DriverInfo | undefined): Promise<DockerLook> {
  const UpdateTime = new Date().toISOString();
  if (!settings.enabled) {
    const HealthDescription = 'disabled: set plugin "docker" { config { enabled = true } } in the agent\'s configuration';
    return { answered: false, info: { Attributes: {}, Detected: false, Healthy: false, HealthDescription, UpdateTime } };
  }
  try {
    const Attributes = await Promise.race([attributesOf(daemon, settings), tooLate()]);
    return { answered: true, info: { Attributes, Detected: true, Healthy: true, HealthDescription: "Healthy", UpdateTime } };
  } catch (thrown) {
    const problem = thrown instanceof NamedError ? thrown : unreachable(daemon.endpoint, thrown);
    // A row of a table: what to do about a docker that is not there anybody knows, and docs/docker.md says.
    const isAbsent = (thrown as { readonly code?: unknown } | null)?.code === "ENOENT" && before === undefined;
    const HealthDescription = isAbsent
      ? `no docker at ${daemon.endpoint}`
      : `${problem.message}${problem.fix === undefined ? "" : `. ${problem.fix}`}`;
    // Docker that was here and is away now keeps its tasks: the node goes on saying that it has docker.
    const Attributes = before?.Attributes ?? {};
    return { answered: false, info: { Attributes, Detected: before !== undefined, Healthy: false, HealthDescription, UpdateTime } };
  }
}

async function tooLate(): Promise<never> {
  await sleep(LOOK_TIMEOUT_MS, undefined, { ref: false });
  throw new NamedError("DOCKER_UNREACHABLE", `Cannot reach docker: it did not answer within ${LOOK_TIMEOUT_MS / 1000} s`, {
    statusCode: 503,
    fix: "See that docker answers: docker info; restart it if it hangs.",
  });
}

async function attributesOf(daemon: Daemon, settings: DockerSettings): Promise<Record<string, string>> {
  const info = (await daemon.docker.info()) as {
    ServerVersion?: string;
    OSType?: string;
    Runtimes?: Record<string, unknown>;
    LiveRestoreEnabled?: boolean;
    PidsLimit?: boolean;
    Driver?: string;
  };
  const bridge = (await daemon.docker
    .getNetwork("bridge")
    .inspect()
    .catch(() => undefined)) as { IPAM?: { Config?: { Gateway?: string }[] | null } } | undefined;
  const bridgeIp = bridge?.IPAM?.Config?.find((each) => (each.Gateway ?? "") !== "")?.Gateway;
  return {
    "driver.docker": "1",
    "driver.docker.version": info.ServerVersion ?? "",
    "driver.docker.os_type": info.OSType ?? "linux",
    "driver.docker.runtimes": Object.keys(info.Runtimes ?? {})
      .toSorted()
      .join(","),
    "driver.docker.storage_driver": info.Driver ?? "",
    "driver.docker.live_restore": String(info.LiveRestoreEnabled === true),
    ...(bridgeIp === undefined ? {} : { "driver.docker.bridge_ip": bridgeIp }),
    ...(settings.allowPrivileged ? { "driver.docker.privileged.enabled": "true" } : {}),
    ...(settings.volumes.enabled ? { "driver.docker.volumes.enabled": "true" } : {}),
    ...(settings.pidsLimit > 0 ? { "driver.docker.pids.limit": String(settings.pidsLimit) } : {}),
  };
}
