/** Which address other machines reach this one by: the default route's interface, else the loopback. */
import { readFileSync } from "node:fs";
import os from "node:os";
import type { NodeNetwork } from "#model";

/** `wanted`: an interface's name, or "" to look. [] when the interface has no address. */
export function hostNetworks(wanted: string): NodeNetwork[] {
  const interfaces = os.networkInterfaces();
  const device =
    wanted !== "" ? wanted : (defaultRouteDevice(readText("/proc/net/route")) ?? firstOutward(interfaces) ?? loopback(interfaces));
  const usable = (interfaces[device] ?? []).filter((each) => !each.address.toLowerCase().startsWith("fe80:"));
  const chosen = [...usable].sort((a, b) => rank(a.family) - rank(b.family));
  return chosen.map((each) => ({
    Mode: "host",
    Device: device,
    CIDR: `${each.address}/${each.family === "IPv4" ? 32 : 128}`,
    IP: each.address,
    MBits: linkSpeed(device),
  }));
}

/** The interface of the default route with the lowest metric in /proc/net/route's text. */
export function defaultRouteDevice(text: string): string | undefined {
  const routes = text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === "00000000" && fields[7] === "00000000");
  return routes.sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

type Interfaces = ReturnType<typeof os.networkInterfaces>;

/** Where there is no /proc, or no default route. */
function firstOutward(interfaces: Interfaces): string | undefined {
  if (process.platform === "linux") return undefined;
  return Object.entries(interfaces).find(
    ([, addresses]) => addresses?.some((each) => !each.internal && each.family === "IPv4") === true,
  )?.[0];
}

function loopback(interfaces: Interfaces): string {
  return Object.entries(interfaces).find(([, addresses]) => addresses?.some((each) => each.internal) === true)?.[0] ?? "lo";
}

function rank(family: string): number {
  return family === "IPv4" ? 0 : 1;
}

function linkSpeed(device: string): number {
  const speed = Number(readText(`/sys/class/net/${device}/speed`));
  return speed > 0 ? speed : 1000;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
