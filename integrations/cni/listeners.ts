/**
 * Do processes of the machine listen on a port? A published port would take what is sent to them without a word (packet rules come before
 * sockets). TCP alone: sockets of UDP that wait for one answer look as listeners do, and come and go.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Listener {
  /** "0.0.0.0", "::": all. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

const LISTENS = "0A";

/** /proc/net/tcp or tcp6 → who listens. Addresses of IPv6 that stand for IPv4 as IPv4. Pure. */
export function readListeners(text: string): readonly Listener[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [address = "", port = ""] = (fields[1] ?? "").split(":");
      return fields[3] === LISTENS ? [{ address: addressOf(address), port: Number.parseInt(port, 16), inode: fields[9] ?? "" }] : [];
    });
}

/** The words of the kernel: 32 bits at a time, each in the machine's order of bytes (little). */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)));
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.every((byte) => byte === 0)) return "::";
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return bytes.slice(12).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** Would a port published at `hostIp` ("": every address) take what is sent to the listener? What is sent over the loopback stays the listener's. */
export function isTakenFrom(listener: Listener, port: { readonly hostPort: number; readonly hostIp: string }): boolean {
  if (listener.port !== port.hostPort) return false;
  const everywhere = (address: string): boolean => ["", "0.0.0.0", "::"].includes(address);
  if (everywhere(listener.address)) return true;
  const isLoopback = /^127\.|^::1$/.test(listener.address);
  return listener.address === port.hostIp || (everywhere(port.hostIp) && !isLoopback);
}

export function listeners(): readonly Listener[] {
  return ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap((file) => readListeners(read(file)));
}

/** `process "nginx" (1234)`; "a process" where it cannot be found. Looks through every process: for a message only. */
export function processOf({ inode }: Listener): string {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`))
        return `process ${JSON.stringify(read(`/proc/${pid}/comm`).trim())} (${pid})`;
    } catch {
      // It ended meanwhile, or is not ours to look into.
    }
  }
  return "a process";
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return "";
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
