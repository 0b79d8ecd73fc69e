/** The real OpenBao (Vault's API) for live tests on a free port: in its dev mode (unsealed, its data in memory), or one that keeps its data. */
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toolPath } from "../../../scripts/tool-path.ts";
import { eventually } from "../../eventually.ts";
import { asker, type Asker } from "./asker.ts";
import { freePorts } from "./ports.ts";
import { partProcess, withFreshPorts, type PartOwner } from "./process.ts";

export interface OpenBaoOptions {
  /** Who removes it: `t`, or `{ after }` of node:test. Without one, call remove(). */
  readonly owner?: PartOwner;
  /** Its data lie on disk, sealed by one key, and survive kill() and restart(). No engine is mounted. Default: dev mode. */
  readonly persistent?: boolean;
}

export interface RealOpenBao extends Asker {
  /** As VAULT_ADDR and `vault { address }` take it. */
  readonly address: string;
  readonly port: number;
  /** The root token; stays the same over restarts. */
  readonly token: string;
  readonly pid: number;
  isRunning(): boolean;
  output(): string;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Again on the same port, unsealed, with the same root token; in dev mode empty: nothing lies on disk. Ends it first if it runs. */
  restart(): Promise<void>;
  /** It answers, and gives nothing to anybody. In dev mode for ever. */
  seal(): Promise<void>;
  /** Only of a persistent one. */
  unseal(): Promise<void>;
  pause(): void;
  resume(): void;
  remove(): Promise<void>;
}

/** Starts OpenBao and returns when it is unsealed and answers. */
export async function startOpenBao(options: OpenBaoOptions = {}): Promise<RealOpenBao> {
  const command = toolPath("bao");
  const part = await partProcess("openbao", options.owner);
  const persistent = options.persistent === true;
  const header = { "X-Vault-Token": persistent ? "" : randomUUID() };
  let unsealKey = "";
  let port = 0;

  const ask = asker(() => `http://127.0.0.1:${port}`, header);
  const isReady = async (): Promise<boolean> =>
    !(await ask.get<{ sealed: boolean }>("/v1/sys/health")).sealed && (await ask.api("/v1/auth/token/lookup-self")).ok;
  const unseal = async (): Promise<void> => {
    await ask.put("/v1/sys/unseal", { key: unsealKey });
    await eventually("OpenBao to be unsealed", isReady);
  };
  const startKept = async (): Promise<void> => {
    await part.start(command, ["server", `-config=${join(part.folder, "bao.hcl")}`], async () => {
      // Sealed or not yet initialized is an answer, too.
      return (await ask.api("/v1/sys/seal-status")).ok;
    });
    if (unsealKey === "") {
      const made = await ask.put<{ keys: string[]; root_token: string }>("/v1/sys/init", { secret_shares: 1, secret_threshold: 1 });
      unsealKey = made.keys[0] as string;
      header["X-Vault-Token"] = made.root_token;
    }
    await unseal();
  };
  const startDev = (): Promise<void> =>
    part.start(
      command,
      ["server", "-dev", `-dev-root-token-id=${header["X-Vault-Token"]}`, `-dev-listen-address=127.0.0.1:${port}`, "-dev-no-store-token"],
      isReady,
    );
  const start = persistent ? startKept : startDev;
  try {
    await withFreshPorts(async () => {
      const [api = 0, cluster = 0] = await freePorts(2);
      port = api;
      const data = join(part.folder, "data");
      if (persistent) {
        mkdirSync(data, { recursive: true });
        writeFileSync(join(part.folder, "bao.hcl"), keptConfiguration(data, port, cluster), { mode: 0o600 });
      }
      await start();
    });
  } catch (error) {
    await part.remove();
    throw error;
  }
  return {
    ...ask,
    get address() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    get pid() {
      return part.pid;
    },
    get token() {
      return header["X-Vault-Token"];
    },
    isRunning: part.isRunning,
    output: part.output,
    stop: part.stop,
    kill: part.kill,
    async restart() {
      await part.kill();
      await start();
    },
    seal: async () => void (await ask.put("/v1/sys/seal")),
    unseal,
    pause: part.pause,
    resume: part.resume,
    remove: part.remove,
  };
}

function keptConfiguration(data: string, port: number, clusterPort: number): string {
  return `storage "raft" {
  path                   = ${JSON.stringify(data)}
  node_id                = "one"
  performance_multiplier = 1
}
listener "tcp" {
  address         = "127.0.0.1:${port}"
  cluster_address = "127.0.0.1:${clusterPort}"
  tls_disable     = true
}
api_addr     = "http://127.0.0.1:${port}"
cluster_addr = "http://127.0.0.1:${clusterPort}"
`;
}
