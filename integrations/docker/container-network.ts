/** The network docker gave a container → where its services are reached with address_mode "driver". Pure. */
import type { ContainerInspectInfo } from "dockerode";
import type { DriverNetwork, TaskPort } from "#ports";
import { publishedPorts } from "./request.ts";
import { readDockerConfig, type DockerTaskConfig } from "./schema.ts";

/** undefined: it has none of its own (host, none, another's). */
export function containerNetwork(
  found: Pick<ContainerInspectInfo, "NetworkSettings" | "HostConfig">,
  advertiseIpv6: boolean,
  ports: readonly TaskPort[],
  config: DockerTaskConfig | undefined,
): DriverNetwork | undefined {
  const mode = found.HostConfig.NetworkMode ?? "default";
  if (mode === "host" || mode === "none" || mode.startsWith("container:")) return undefined;
  const networks = found.NetworkSettings.Networks as Record<string, { IPAddress?: string; GlobalIPv6Address?: string }>;
  const [first] = Object.entries(networks).filter(([, each]) => (each.IPAddress ?? "") !== "" || (each.GlobalIPv6Address ?? "") !== "");
  if (first === undefined) return undefined;
  const [name, settings] = first;
  const address = (advertiseIpv6 ? settings.GlobalIPv6Address : settings.IPAddress) || settings.IPAddress || settings.GlobalIPv6Address;
  if (address === undefined || address === "") return undefined;
  const published = publishedPorts(ports, config ?? readDockerConfig({}));
  return {
    address,
    // On docker's own bridge the host's published ports are what others reach; on a network somebody chose, the address itself.
    advertised: advertiseIpv6 || !["bridge", "nat"].includes(name),
    ports: Object.fromEntries(published.map((each) => [each.label, each.inside])),
  };
}
