/** plugin "docker" { config { … } }, else the client's options of old (`docker.endpoint`, …) → Config. nomad.md §1.13. */
import { parseDuration } from "#std";
import type { DockerSettings } from "#integrations/docker";
import type { SettingReader } from "./setting-reader.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const ENDPOINT = "unix:///var/run/docker.sock";

export function resolveDocker(read: SettingReader, environment: Readonly<Record<string, string | undefined>>): DockerSettings {
  const old = legacyOptions(read);
  const at = (name: string) => `plugin.docker.config.${name}`;
  const text = (name: string, option: string, fallback = "") => read.text(at(name), old.text(option) ?? fallback);
  const flag = (name: string, option: string, fallback: boolean) => read.flag(at(name), old.flag(option) ?? fallback);
  const span = (name: string, fallback: number, least = 0) => read.within(at(name), fallback, least, DAY_MS);
  const list = (name: string): readonly string[] | undefined => (read.has(at(name)) ? read.list(at(name)) : undefined);
  const endpoint = text("endpoint", "docker.endpoint", environment["DOCKER_HOST"] || ENDPOINT);
  if (!isEndpoint(endpoint))
    read.problem(
      at("endpoint"),
      `plugin "docker": endpoint is ${JSON.stringify(endpoint)}, must be unix:///path, tcp://host:port or http(s)://host:port`,
      `For example ${JSON.stringify(ENDPOINT)}.`,
    );
  const tls = {
    certFile: text("tls.cert", "docker.tls.cert"),
    keyFile: text("tls.key", "docker.tls.key"),
    caFile: text("tls.ca", "docker.tls.ca"),
  };
  if ((tls.certFile === "") !== (tls.keyFile === ""))
    read.problem(
      at(tls.certFile === "" ? "tls.key" : "tls.cert"),
      'plugin "docker": tls has one of cert and key',
      "Give both, or none of them.",
    );
  const labels = list("extra_labels") ?? [];
  return {
    enabled: read.flag(at("enabled"), true),
    endpoint,
    tls,
    authFile: text("auth.config", "docker.auth.config"),
    authHelper: text("auth.helper", "docker.auth.helper"),
    extraLabels: knownLabels(read, at("extra_labels"), labels),
    garbage: {
      image: flag("gc.image", "docker.cleanup.image", true),
      imageDelayMs: read.has(at("gc.image_delay"))
        ? span("gc.image_delay", 3 * MINUTE_MS)
        : (old.duration("docker.cleanup.image.delay") ?? 3 * MINUTE_MS),
      container: flag("gc.container", "docker.cleanup.container", true),
      dangling: {
        enabled: read.flag(at("gc.dangling_containers.enabled"), true),
        periodMs: span("gc.dangling_containers.period", 5 * MINUTE_MS, 1000),
        creationGraceMs: span("gc.dangling_containers.creation_grace", 5 * MINUTE_MS),
        dryRun: read.flag(at("gc.dangling_containers.dry_run")),
      },
    },
    volumes: {
      enabled: flag("volumes.enabled", "docker.volumes.enabled", false),
      selinuxLabel: text("volumes.selinuxlabel", "docker.volumes.selinuxlabel"),
    },
    allowPrivileged: flag("allow_privileged", "docker.privileged.enabled", false),
    allowedCapabilities: list("allow_caps") ?? old.list("docker.caps.allowlist") ?? old.list("docker.caps.whitelist") ?? null,
    allowedRuntimes: list("allow_runtimes") ?? ["runc", read.text(at("nvidia_runtime"), "nvidia")],
    infraImage: text("infra_image", "docker.infra_image"),
    infraImagePullTimeoutMs: span("infra_image_pull_timeout", 5 * MINUTE_MS, 1000),
    imagePullTimeoutMs: span("image_pull_timeout", 5 * MINUTE_MS, 1000),
    pullActivityTimeoutMs: span("pull_activity_timeout", 2 * MINUTE_MS, 1000),
    containerExistsAttempts: read.within(at("container_exists_attempts"), 5, 0, 1000),
    oomScoreAdjust: read.within(at("oom_score_adj"), 0, -1000, 1000),
    pidsLimit: read.within(at("pids_limit"), 0, 0, 4_194_304),
    logCollectionDisabled: read.flag(at("disable_log_collection")),
    allowedModes: {
      pid: read.list(at("allowed_modes.pid")),
      ipc: read.list(at("allowed_modes.ipc")),
      userns: read.list(at("allowed_modes.userns")),
      uts: read.list(at("allowed_modes.uts")),
    },
  };
}

const LABELS = ["job_name", "job_id", "task_group_name", "task_name", "namespace", "node_name", "node_id"];

/** Globs over the known ones: "task*", "*". */
function knownLabels(read: SettingReader, at: string, labels: readonly string[]): readonly string[] {
  const unknown = labels.find((label) => {
    const pattern = new RegExp(`^${label.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
    return !LABELS.some((known) => pattern.test(known));
  });
  if (unknown !== undefined)
    read.problem(
      at,
      `plugin "docker": extra_labels holds ${JSON.stringify(unknown)}, which is no label`,
      `Known are ${LABELS.join(", ")}; "*" stands for anything.`,
    );
  return labels;
}

function isEndpoint(endpoint: string): boolean {
  if (/^(unix|npipe):\/\//.test(endpoint)) return endpoint.length > "unix:///".length;
  const url = /^(tcp|https?):\/\//.test(endpoint) ? URL.parse(endpoint.replace(/^tcp:/, "http:")) : null;
  return url !== null && url.hostname !== "";
}

/** client { options { "docker.endpoint" = "…" } } */
function legacyOptions(read: SettingReader) {
  const options = read.map("client.options");
  const text = (name: string): string | undefined => (options[name] === "" ? undefined : options[name]);
  const wrong = (name: string, wanted: string) =>
    read.problem("client.options", `option ${JSON.stringify(name)} is ${JSON.stringify(options[name])}, must be ${wanted}`, "");
  return {
    text,
    list: (name: string): readonly string[] | undefined =>
      text(name)
        ?.split(",")
        .map((each) => each.trim())
        .filter((each) => each !== ""),
    flag(name: string): boolean | undefined {
      const value = text(name)?.toLowerCase();
      if (value === undefined) return undefined;
      if (["1", "t", "true"].includes(value)) return true;
      if (!["0", "f", "false"].includes(value)) wrong(name, "true or false");
      return false;
    },
    duration(name: string): number | undefined {
      const value = text(name);
      if (value === undefined) return undefined;
      const nanoseconds = parseDuration(value);
      if (nanoseconds === undefined || nanoseconds < 0) wrong(name, 'a duration like "3m"');
      return nanoseconds === undefined ? undefined : Math.round(nanoseconds / 1e6);
    },
  };
}
