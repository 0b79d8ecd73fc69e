/** What stands in retry_join → addresses: host[:port], names, `exec=command`; `provider=…` is refused. nomad.md §5.2. */
import { execFile } from "node:child_process";
import { lookup as lookUp } from "node:dns/promises";
import { isIP } from "node:net";
import { NamedError, messageOf } from "#std";

export interface JoinPlace {
  readonly host: string;
  readonly port: number;
}

/** All addresses of a name. */
export type NameLookup = (name: string) => Promise<readonly string[]>;
/** What a command printed. */
export type Execute = (words: readonly string[]) => Promise<string>;

const EXEC_WAIT_MS = 10_000;

/** "10.0.0.1", "10.0.0.1:4648", "[::1]:4648", "::1", "servers.example.com". Throws NamedError JOIN_ADDRESS_INVALID; rejects when nobody has the name. */
export async function addressesOf(text: string, defaultPort: number, lookup: NameLookup = lookUpAll): Promise<readonly JoinPlace[]> {
  const { host, port } = readPlace(text, defaultPort);
  if (isIP(host) !== 0) return [{ host, port }];
  return (await lookup(host)).map((each) => ({ host: each, port }));
}

/** Throws NamedError JOIN_ADDRESS_INVALID. */
export function readPlace(text: string, defaultPort: number): JoinPlace {
  const found =
    isIP(text) !== 0 ? { host: text, port: "" } : /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:\s/[\]=]+))(?::(?<port>\d{1,5}))?$/.exec(text)?.groups;
  const host = found?.["six"] ?? found?.["host"] ?? "";
  const port = found?.["port"] === undefined || found["port"] === "" ? defaultPort : Number(found["port"]);
  if (host !== "" && port > 0 && port < 65_536) return { host, port };
  throw new NamedError("JOIN_ADDRESS_INVALID", `Cannot join "${text}": that is no address, wanted host or host:port`, {
    statusCode: 400,
    fix: 'Write addresses of servers: "10.0.0.1", "10.0.0.1:4648", "servers.example.com".',
  });
}

/** Before anything starts: entries that will never work. Throws NamedErrors JOIN_PROVIDER_UNSUPPORTED, JOIN_ADDRESS_INVALID. */
export function requireJoinable(entries: readonly string[]): void {
  for (const entry of entries) {
    const provider = /(?:^|\s)provider=(\S*)/.exec(entry)?.[1];
    if (provider !== undefined) {
      throw new NamedError("JOIN_PROVIDER_UNSUPPORTED", `Cannot join "${entry}": provider "${provider}" is not built in`, {
        statusCode: 400,
        fix: 'Name a DNS name that has all servers\' addresses, write "exec=/path/to/command" that prints them, or let servers find each other: consul { address }.',
      });
    }
    if (!entry.startsWith("exec=")) readPlace(entry, 1);
    else if (entry.slice("exec=".length).trim() === "") readPlace(entry, 1);
  }
}

/** An entry is replaced by what its command prints; others stay. Rejects with NamedError JOIN_COMMAND_FAILED. */
export async function expandEntry(entry: string, execute: Execute = run): Promise<readonly string[]> {
  if (!entry.startsWith("exec=")) return [entry];
  const words = entry.slice("exec=".length).trim().split(/\s+/);
  try {
    return (await execute(words)).split(/[\s,]+/).filter((each) => each !== "");
  } catch (thrown) {
    throw new NamedError("JOIN_COMMAND_FAILED", `Cannot join "${entry}": ${messageOf(thrown).split("\n")[0]}`, {
      fix: "It must print addresses of servers, blanks between, and end with 0.",
    });
  }
}

async function lookUpAll(name: string): Promise<readonly string[]> {
  return (await lookUp(name, { all: true })).map(({ address }) => address);
}

function run([command = "", ...words]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, words, { timeout: EXEC_WAIT_MS, maxBuffer: 64 * 1024 }, (failure, stdout) =>
      failure === null ? resolve(stdout) : reject(failure),
    );
  });
}
