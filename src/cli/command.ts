/** What a command is: its words, its flags, and a run that answers with an exit code. One file each in commands/. */
import type { ApiClient } from "#api/client";
import type { FlagTable, ParsedFlags } from "./flags.ts";
import type { StoppedServer } from "./stopped-server.ts";
import type { Terminal } from "./terminal.ts";

export interface Command {
  /** After the program's name: `job run [options] <path>`. */
  readonly usage: string;
  /** A paragraph or two for -help. */
  readonly about: string;
  readonly flags: FlagTable;
  /** false: knows no servers (version, job init, agent); the global connection flags are not offered then. */
  readonly connects: boolean;
  /** The arguments end in a program's own words (`alloc exec <allocation> ls -l`): what looks like a flag among them is none of ours. */
  readonly foreignWords?: true;
  run(context: Context): Promise<number>;
  /** Exit code of a failure; default 1. nomad.md §4.2. */
  readonly failureCode?: (error: unknown) => number;
}

export interface Context {
  readonly flags: ParsedFlags;
  readonly arguments: readonly string[];
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The typed caller, made from the global flags and NOMAD_* variables at first use. */
  readonly api: ApiClient;
  /** The same caller with the same flags, at another address. */
  apiAt(address: string): ApiClient;
  /** The namespace asked for; "" when none was. */
  readonly namespace: string;
  /** What may be done on a stopped server's files. */
  stoppedServer(): Promise<StoppedServer>;
  nowMs(): number;
  /** Aborted by the first Ctrl-C. */
  readonly interrupted: AbortSignal;
}

/** The flags every command that talks to servers takes. nomad.md §4.1. */
export const CONNECTION_FLAGS: FlagTable = {
  address: { kind: "text", value: "address", about: "The address of the agent; NOMAD_ADDR. Default: http://127.0.0.1:4646" },
  region: { kind: "text", value: "region", about: "The region to forward to; NOMAD_REGION" },
  namespace: { kind: "text", value: "namespace", about: 'The namespace to work in, "*" for all where lists allow it; NOMAD_NAMESPACE' },
  token: { kind: "text", value: "secret", about: "The ACL token to send; NOMAD_TOKEN" },
  "ca-cert": { kind: "text", value: "path", about: "A CA file to trust; NOMAD_CACERT" },
  "ca-path": { kind: "text", value: "path", about: "A folder of CA files to trust; NOMAD_CAPATH" },
  "client-cert": { kind: "text", value: "path", about: "A certificate to show; NOMAD_CLIENT_CERT" },
  "client-key": { kind: "text", value: "path", about: "Its private key; NOMAD_CLIENT_KEY" },
  "tls-server-name": { kind: "text", value: "name", about: "The name to expect in the agent's certificate; NOMAD_TLS_SERVER_NAME" },
  "tls-skip-verify": { kind: "boolean", about: "Do not check the agent's certificate; NOMAD_SKIP_VERIFY" },
};

/** The flags every command takes. */
export const DISPLAY_FLAGS: FlagTable = {
  "no-color": { kind: "boolean", about: "Plain text; NOMAD_CLI_NO_COLOR" },
  "force-color": { kind: "boolean", about: "Colour also when the output is no terminal; NOMAD_CLI_FORCE_COLOR" },
  help: { kind: "boolean", about: "Show this; -h for short" },
  h: { kind: "boolean", about: "" },
};
