/**
 * Ports for parts that are stopped and started again on the same ports. They lie below the range the kernel takes for outgoing
 * connections (a client of ours must neither hold the port while the part is down, nor connect to itself there) and below the one a node
 * gives to tasks. None is given twice by one process: what is asked for one by one goes into one configuration.
 */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

const LOWEST = 10_000;
/** min_dynamic_port's default. */
const LOWEST_OF_TASKS = 20_000;
const LOOPBACK = "127.0.0.1";
const given = new Set<number>();

/** `count` different ports of the loopback on which nobody listens now, by TCP or by UDP. */
export async function freePorts(count: number): Promise<number[]> {
  const highest = Math.max(LOWEST + 1000, Math.min(LOWEST_OF_TASKS, lowestOutgoingPort()));
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries > 1000) throw new Error(`found ${found.length} free ports between ${LOWEST} and ${highest}: want ${count}`);
    const port = LOWEST + Math.floor(Math.random() * (highest - LOWEST));
    if (given.has(port)) continue;
    given.add(port);
    if ((await tcpIsFree(port)) && (await udpIsFree(port))) found.push(port);
  }
  return found;
}

function lowestOutgoingPort(): number {
  return Number(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").trim().split(/\s+/)[0]);
}

function tcpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}

function udpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => socket.close(() => resolve(false)));
    socket.bind(port, LOOPBACK, () => socket.close(() => resolve(true)));
  });
}
