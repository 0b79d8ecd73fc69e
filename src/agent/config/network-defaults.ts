/** What is meant where nothing is written about networks and the docker driver. nomad.md §1.13, §5.3. */
import type { DockerConfig, NetworkConfig } from "./config.ts";

export const NETWORK_DEFAULTS: NetworkConfig = {
  cniPaths: ["/opt/cni/bin", "/usr/lib/cni"],
  cniConfigDirectory: "/opt/cni/config",
  bridgeName: "nomad",
  bridgeSubnet: "172.26.64.0/20",
  bridgeSubnetIPv6: "",
  bridgeHairpin: false,
  bridgeMtu: 0,
  hostNetworks: [],
  envoyPath: "",
};

export const DOCKER_DEFAULTS: DockerConfig = {
  enabled: true,
  endpoint: "unix:///var/run/docker.sock",
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
  allowedRuntimes: ["runc", "nvidia"],
  infraImage: "",
  infraImagePullTimeoutMs: 300_000,
  imagePullTimeoutMs: 300_000,
  pullActivityTimeoutMs: 120_000,
  containerExistsAttempts: 5,
  oomScoreAdjust: 0,
  pidsLimit: 0,
  logCollectionDisabled: false,
  allowedModes: { pid: [], ipc: [], userns: [], uts: [] },
};
