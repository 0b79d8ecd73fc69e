/**
 * Which key gossip has: Consul takes that of its configuration once, and keeps it in a file which counts from then on, since keys are changed while
 * servers run (`operator gossip keyring`). A server that has met nobody yet has nothing to keep: who corrects its key expects the new one to count.
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { PrivateConsulOptions } from "./options.ts";

/** Before Consul is started. `data` is Consul's directory. */
export function settleGossipKey(
  data: string,
  { encrypt, isNew, report }: Pick<PrivateConsulOptions, "encrypt" | "isNew" | "report">,
): void {
  const file = join(data, "serf", "local.keyring");
  const kept = keysOf(file);
  if (kept === undefined || kept.includes(encrypt)) return;
  if (isNew === true) rmSync(file, { force: true });
  else
    report(
      "warn",
      `gossip goes on with the keys it had: ${encrypt === "" ? "server { encrypt } is empty" : "that of server { encrypt } is none of them"}`,
      {
        fix: 'Change it while servers run: "drover operator gossip keyring"; or stop all servers, and remove this file on each.',
        file,
      },
    );
}

/** Undefined: there is none yet. One that cannot be read Consul itself refuses. */
function keysOf(file: string): readonly unknown[] | undefined {
  try {
    const keys: unknown = JSON.parse(readFileSync(file, "utf8"));
    return Array.isArray(keys) ? keys : undefined;
  } catch {
    return undefined;
  }
}

/** What Consul says of keys that differ, in words that name what to set; anything else as it is. */
export function gossipProblem(said: string): string {
  if (/No installed keys could decrypt/i.test(said)) return "its gossip has another key: give all servers the same server { encrypt }";
  if (/Remote state is encrypted and encryption is not configured/i.test(said))
    return "its gossip has a key, and this server has none: give all servers the same server { encrypt }";
  if (/Encryption is configured but remote state is not encrypted/i.test(said))
    return "its gossip has no key, and this server has one: give all servers the same server { encrypt }";
  return said;
}
