/** A docker for the driver suite: one daemon a test file, an image of busybox, and a way to see what is left of the driver. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { dockerDriver, type DockerSettings } from "#integrations/docker";
import { createHash } from "node:crypto";
import Docker from "dockerode";
import { toolPath } from "../../scripts/tool-path.ts";
import { ownFolder } from "../live/remains.ts";
import { hostWorld, type HostWorld } from "./host-world.ts";

export const TEST_IMAGE = "drover-test/busybox:1";

export const dockerSettings = (endpoint: string, more: Partial<DockerSettings> = {}): DockerSettings => ({
  enabled: true,
  endpoint,
  tls: { certFile: "", keyFile: "", caFile: "" },
  authFile: "",
  authHelper: "",
  extraLabels: [],
  garbage: {
    image: true,
    imageDelayMs: 180_000,
    container: true,
    dangling: { enabled: true, periodMs: 300_000, creationGraceMs: 300_000, dryRun: false },
  },
  volumes: { enabled: false, selinuxLabel: "" },
  allowPrivileged: false,
  allowedCapabilities: null,
  allowedRuntimes: ["runc"],
  infraImage: "",
  infraImagePullTimeoutMs: 60_000,
  imagePullTimeoutMs: 60_000,
  pullActivityTimeoutMs: 20_000,
  containerExistsAttempts: 5,
  oomScoreAdjust: 0,
  pidsLimit: 0,
  logCollectionDisabled: false,
  allowedModes: { pid: [], ipc: [], userns: [], uts: [] },
  ...more,
});

export const ownerOf = (stateDirectory: string): string => createHash("sha256").update(stateDirectory).digest("hex").slice(0, 8);

/** `image` imported from busybox-static with all its names. */
export async function importBusybox(endpoint: string, image = TEST_IMAGE): Promise<void> {
  const docker = new Docker({ socketPath: endpoint.replace("unix://", "") });
  const [repo, tag] = image.split(":");
  const root = ownFolder("busybox");
  try {
    mkdirSync(path.join(root, "image", "bin"), { recursive: true });
    for (const folder of ["tmp", "etc"]) mkdirSync(path.join(root, "image", folder));
    const busybox = toolPath("busybox");
    copyFileSync(busybox, path.join(root, "image", "bin", "busybox"));
    for (const name of execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n")) {
      if (name !== "busybox") symlinkSync("busybox", path.join(root, "image", "bin", name));
    }
    execFileSync("tar", ["-C", path.join(root, "image"), "-cf", path.join(root, "image.tar"), "."]);
    const stream = await docker.importImage(path.join(root, "image.tar"), { repo, tag });
    for await (const chunk of stream) void chunk;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export async function dockerWorld(endpoint: string, more: Partial<DockerSettings> = {}): Promise<HostWorld> {
  const docker = new Docker({ socketPath: endpoint.replace("unix://", "") });
  const open = (stateDirectory: string) =>
    dockerDriver({ owner: ownerOf(stateDirectory), stateDirectory, config: dockerSettings(endpoint, more) });
  const world = await hostWorld("chroot", open);
  return {
    ...world,
    async left() {
      const labelled = await docker.listContainers({
        all: true,
        filters: { label: [`dev.drover.owner=${ownerOf(world.stateDirectory)}`] },
      });
      return [...labelled.map((each) => `container ${each.Names.join(" ")} ${each.State}`), ...(await world.left())];
    },
  };
}
