/** The real OpenBao (Vault's API) for live tests, in its dev mode: unsealed, its data in memory, on a free port. */
import { randomUUID } from "node:crypto";
import { toolPath } from "../../../scripts/tool-path.ts";
import { asker, type Asker } from "./asker.ts";
import { freePorts } from "./ports.ts";
import { partProcess, withFreshPorts, type PartOwner } from "./process.ts";

export interface OpenBaoOptions {
  /** Who removes it: `t`, or `{ after }` of node:test. Without one, call remove(). */
  readonly owner?: PartOwner;
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
  /** Again on the same port, with the same root token, and empty: in dev mode nothing lies on disk. Ends it first if it runs. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
  remove(): Promise<void>;
}

/** Starts OpenBao and returns when it is unsealed and answers. */
export async function startOpenBao(options: OpenBaoOptions = {}): Promise<RealOpenBao> {
  const command = toolPath("bao");
  const part = await partProcess("openbao", options.owner);
  const token = randomUUID();
  let port = 0;

  const ask = asker(() => `http://127.0.0.1:${port}`, { "X-Vault-Token": token });
  const isReady = async (): Promise<boolean> =>
    !(await ask.get<{ sealed: boolean }>("/v1/sys/health")).sealed && (await ask.api("/v1/auth/token/lookup-self")).ok;
  const start = (): Promise<void> =>
    part.start(
      command,
      ["server", "-dev", `-dev-root-token-id=${token}`, `-dev-listen-address=127.0.0.1:${port}`, "-dev-no-store-token"],
      isReady,
    );
  try {
    await withFreshPorts(async () => {
      [port = 0] = await freePorts(1);
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
    token,
    isRunning: part.isRunning,
    output: part.output,
    stop: part.stop,
    kill: part.kill,
    async restart() {
      await part.kill();
      await start();
    },
    pause: part.pause,
    resume: part.resume,
    remove: part.remove,
  };
}
