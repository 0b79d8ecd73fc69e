/** What is remembered of each network that was set up: enough to know it again and to take it down. Losing it costs no more than the deletion by an operator's own plugins. */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { AllocationId, DnsConfig } from "#model";
import type { AllocationNetwork, PortMapping, TrafficRedirect } from "#ports";
import type { NetworkConf } from "./conflist.ts";
import type { Connection } from "./result.ts";

export interface NetworkRecord {
  readonly mode: string;
  readonly hostname: string;
  readonly ports: readonly PortMapping[];
  readonly dns: DnsConfig | null;
  readonly arguments: Readonly<Record<string, string>>;
  readonly redirect: TrafficRedirect | null;
  /** As it was when it was set up: an operator may change the file meanwhile. null: mode none. */
  readonly conf: NetworkConf | null;
  /** What the chain answered; null: it has not come to its end. */
  readonly answer: unknown;
  readonly connection: Connection | null;
}

export interface Records {
  read(id: AllocationId): NetworkRecord | undefined;
  write(id: AllocationId, record: NetworkRecord): void;
  remove(id: AllocationId): void;
  list(): readonly AllocationId[];
  files(id: AllocationId): AllocationNetwork["files"];
  writeFiles(id: AllocationId, texts: { readonly hosts: string; readonly resolvConf: string }): void;
}

export function recordsIn(directory: string): Records {
  const folder = (id: AllocationId): string => path.join(directory, id);
  const files = (id: AllocationId): AllocationNetwork["files"] => ({
    hosts: path.join(folder(id), "hosts"),
    resolvConf: path.join(folder(id), "resolv.conf"),
  });
  const place = (id: AllocationId): void => void mkdirSync(folder(id), { recursive: true, mode: 0o755 });
  return {
    files,
    read(id) {
      try {
        return JSON.parse(readFileSync(path.join(folder(id), "network.json"), "utf8")) as NetworkRecord;
      } catch {
        return undefined;
      }
    },
    write(id, record) {
      place(id);
      const file = path.join(folder(id), "network.json");
      writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    remove(id) {
      rmSync(folder(id), { recursive: true, force: true });
    },
    list() {
      try {
        return readdirSync(directory) as AllocationId[];
      } catch {
        return [];
      }
    },
    writeFiles(id, texts) {
      place(id);
      // In place: tasks that see these files through a mount see the change.
      writeFileSync(files(id).hosts, texts.hosts, { mode: 0o644 });
      writeFileSync(files(id).resolvConf, texts.resolvConf, { mode: 0o644 });
    },
  };
}
