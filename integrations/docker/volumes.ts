/**
 * `volumes` and `mount` of a task → what docker mounts. What lies below the allocation's directory may always be shown; other host
 * paths only where the operator enabled volumes. Paths are followed to their end first: a link made by a task leads nowhere.
 */
import { realpathSync } from "node:fs";
import path from "node:path";
import type { MountSettings } from "dockerode";
import type { TaskPlace } from "#ports";
import { invalid } from "./problem.ts";
import type { DockerSettings } from "./options.ts";
import type { DockerTaskConfig, MountConfig } from "./schema.ts";

export interface TaskVolumes {
  /** "source:target:options" */
  readonly binds: readonly string[];
  readonly mounts: readonly MountSettings[];
}

export interface VolumeRequest {
  readonly task: string;
  readonly place: TaskPlace;
  readonly config: Pick<DockerTaskConfig, "volumes" | "volume_driver" | "mount" | "mounts">;
  readonly settings: DockerSettings["volumes"];
  /** Where a path leads; for tests. */
  readonly follow?: (file: string) => string;
}

const OPTIONS = new Set(["ro", "rw", "z", "Z", "nocopy", "shared", "rshared", "slave", "rslave", "private", "rprivate"]);
/** Ours in every container. */
const TAKEN = new Set(["/", "/alloc", "/local", "/secrets"]);

export function taskVolumes(request: VolumeRequest): TaskVolumes {
  const targets = new Set<string>();
  const claim = (target: string, what: string) => {
    const clean = path.posix.normalize(target).replace(/(?<=.)\/$/, "");
    if (!path.posix.isAbsolute(clean)) throw invalid(request.task, `${what}: target "${target}" must be an absolute path`);
    if (TAKEN.has(clean)) throw invalid(request.task, `${what}: target "${clean}" is kept for the task's own directories`);
    if (targets.has(clean)) throw invalid(request.task, `${what}: target "${clean}" is mounted twice`);
    targets.add(clean);
    return clean;
  };
  const binds = request.config.volumes.map((each) => bindOf(request, each, claim));
  const mounts = [...request.config.mount, ...request.config.mounts].map((each) => mountOf(request, each, claim));
  return { binds, mounts };
}

type Claim = (target: string, what: string) => string;

function bindOf(request: VolumeRequest, written: string, claim: Claim): string {
  const what = `volume "${written}"`;
  const [source = "", target = "", words = "", ...more] = written.split(":");
  if (source === "" || target === "" || more.length > 0) throw invalid(request.task, `${what} must be source:target[:options]`);
  const options = words === "" ? [] : words.split(",");
  const unknown = options.find((each) => !OPTIONS.has(each));
  if (unknown !== undefined) throw invalid(request.task, `${what}: option "${unknown}" is not known`);
  const label = request.settings.selinuxLabel;
  if (label !== "" && !options.includes(label)) options.push(label);
  const tail = [claim(target, what), ...(options.length === 0 ? [] : [options.join(",")])].join(":");
  // With a driver of volumes the source is a name, not a path.
  if (request.config.volume_driver !== "") {
    if (!request.settings.enabled) throw invalid(request.task, `${what}: volume drivers are not enabled on this node`, ENABLE);
    return `${source}:${tail}`;
  }
  return `${hostPath(request, source, what)}:${tail}`;
}

function mountOf(request: VolumeRequest, mount: MountConfig, claim: Claim): MountSettings {
  const what = `mount "${mount.target}"`;
  const Target = claim(mount.target, what);
  const common = { Target, ReadOnly: mount.readonly };
  switch (mount.type) {
    case "bind": {
      const Propagation = mount.bind_options?.propagation ?? "";
      const Source = hostPath(request, mount.source, what);
      return { ...common, Type: "bind", Source, ...(Propagation === "" ? {} : { BindOptions: { Propagation: Propagation as "private" } }) };
    }
    case "volume": {
      const options = mount.volume_options;
      const driver = options?.driver_config;
      // A driver's options may name any host path.
      if (driver !== undefined && !request.settings.enabled) {
        throw invalid(request.task, `${what}: volume drivers are not enabled on this node`, ENABLE);
      }
      return {
        ...common,
        Type: "volume",
        Source: mount.source,
        ...(options === undefined
          ? {}
          : {
              VolumeOptions: {
                NoCopy: options.no_copy,
                Labels: options.labels,
                DriverConfig: { Name: driver?.name ?? "", Options: driver?.options ?? {} },
              },
            }),
      };
    }
    case "tmpfs": {
      if (mount.source !== "") throw invalid(request.task, `${what}: a tmpfs has no source`);
      const { size = 0, mode = 0 } = mount.tmpfs_options ?? {};
      return { ...common, Type: "tmpfs", Source: "", TmpfsOptions: { SizeBytes: size, Mode: mode } };
    }
    default:
      throw invalid(request.task, `${what}: type "${mount.type}" is not known, wanted bind, volume or tmpfs`);
  }
}

const ENABLE = 'Set plugin "docker" { config { volumes { enabled = true } } } in the agent\'s configuration.';

/** The path docker is given: without links, so that what was checked is what is mounted. */
function hostPath(request: VolumeRequest, source: string, what: string): string {
  if (source === "") throw invalid(request.task, `${what} has no source`);
  const follow = request.follow ?? endOf;
  const wanted = path.resolve(request.place.taskDirectory, source);
  const real = follow(wanted);
  const written = isBeneath(wanted, request.place.allocationDirectory);
  if (isBeneath(real, follow(request.place.allocationDirectory))) return real;
  if (written && !request.settings.enabled) throw invalid(request.task, `${what}: a link leads out of the allocation's directory`);
  if (!request.settings.enabled) {
    throw invalid(
      request.task,
      `${what}: "${source}" is outside the allocation's directory, and volumes are not enabled on this node`,
      ENABLE,
    );
  }
  return real;
}

export function isBeneath(file: string, directory: string): boolean {
  const relative = path.relative(directory, file);
  return relative === "" || (!relative.startsWith(`..${path.sep}`) && relative !== ".." && !path.isAbsolute(relative));
}

/** The end of all links, of as much as exists. */
export function endOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    const parent = path.dirname(file);
    return parent === file ? file : path.join(endOf(parent), path.basename(file));
  }
}
