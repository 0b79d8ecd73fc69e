/**
 * A Consul server that belongs to this Drover server and outlives it: a crash or an upgrade of Drover costs no election (consul-log.md, 27).
 *
 *   none ──spawn──▶ starting ──answers──▶ up ──▶ supervision.ts
 *     └──runs already, same configuration: adopted ──▶ up
 *
 * The first start rejects with what is wrong; later ones are reported and tried again for ever. Nobody but stop() and recover()
 * ends one that answers.
 */
import { lookup } from "node:dns/promises";
import { chmodSync, mkdirSync, realpathSync } from "node:fs";
import { isIP } from "node:net";
import { NamedError, messageOf } from "#std";
import { consulConnection, type ConsulAddress, type ConsulConnection } from "../connection.ts";
import { agentConfig, placesOf, privateTokens } from "./agent-config.ts";
import {
  endsWithin,
  findProcess,
  isRunning,
  removeOtherConfigs,
  signal,
  spawnDetached,
  whyItEnded,
  writeConfig,
  type ConsulProcess,
} from "./agent-process.ts";
import { answersNow, comesToAnswer } from "./answering.ts";
import { findConsul } from "./binary.ts";
import { settleGossipKey } from "./gossip-key.ts";
import type { PrivateConsulOptions } from "./options.ts";
import { endPrivateConsul, recoverPrivateConsul, type SurvivingServer } from "./recovery.ts";
import { nodeIdOf } from "./secrets.ts";
import { supervise, type Supervision } from "./supervision.ts";

export interface PrivateConsul {
  /** May do everything, once there is a Consul leader. For the shared log, the catalog, autopilot. */
  readonly connection: ConsulConnection;
  /** For what this one's own agent is asked (members, join, leave): it needs no leader. */
  readonly agent: ConsulConnection;
  /** A secret: of `connection`. */
  readonly address: ConsulAddress;
  readonly nodeName: string;
  readonly nodeId: string;
  readonly pid: number;
  /** Does gossip's key, and with it the tokens, exist? */
  readonly encrypted: boolean;
  /** The ACL token that goes with a gossip key; "": ACLs are off. A secret. */
  managementTokenOf(gossipKey: string): string;
  /** Certificates are read again. */
  reload(): Promise<void>;
  /** Quorum is lost: it goes on with who is left. */
  recover(survivors: readonly SurvivingServer[]): Promise<void>;
  /** "leave": the others stop counting it. "terminate": they wait for it. Both end it; it is not started again. */
  stop(how: "leave" | "terminate"): Promise<void>;
  /** It runs on without us. */
  close(): void;
}

const END_WAIT_MS = 20_000;
const SILENT_MS = 60_000;
const LEAVE_WAIT_MS = 15_000;
const TIMEOUT_MS = 5000;

/**
 * Resolves when it answers, leader or not. Rejects with NamedErrors CONSUL_BINARY_MISSING, CONSUL_PORT_TAKEN, CONSUL_DID_NOT_START,
 * CONSUL_REGION_UNFIT, GOSSIP_KEY_INVALID, CONSUL_SOCKET_PATH_TOO_LONG.
 */
export async function privateConsul(given: PrivateConsulOptions): Promise<PrivateConsul> {
  mkdirSync(given.directory, { recursive: true, mode: 0o700 });
  chmodSync(given.directory, 0o700);
  // One name, whatever links lead there: a process is known again by it.
  const options = { ...given, directory: realpathSync(given.directory) };
  const { directory, clock, report } = options;
  const places = placesOf(directory);
  const tokens = privateTokens(options);
  if (options.tls !== undefined && options.encrypt === "")
    report(
      "warn",
      "without server { encrypt } the private Consul obeys every certificate of the authority, those of nodes too: its ACLs are off",
    );
  const addressWith = (token: string): ConsulAddress => ({
    address: `unix://${places.socket}`,
    token,
    auth: "",
    tls: { caFile: "", certFile: "", keyFile: "", verify: true },
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
  });
  const connection = consulConnection(addressWith(tokens.management));
  const agent = consulConnection(addressWith(tokens.agent));
  const closeConnections = (): void => [connection, agent].forEach((each) => each.close());
  const begin = (): Promise<Supervision<ConsulProcess>> =>
    supervise({
      start: () => startOn(options),
      isRunning,
      answers: (_process, withinMs) => answersNow(places.socket, withinMs),
      end: () => endPrivateConsul(directory, clock),
      silentMs: options.silentMs ?? SILENT_MS,
      lastWord: () => whyItEnded(places.lastWords, places.log).message,
      name: ({ pid }) => `the private Consul (process ${pid})`,
      clock,
      report,
    });
  let supervision = await begin().catch((thrown: unknown) => {
    closeConnections();
    throw thrown;
  });
  return {
    connection,
    agent,
    address: addressWith(tokens.management),
    nodeName: options.name,
    nodeId: nodeIdOf(options.serverId),
    get pid() {
      return supervision.process.pid;
    },
    encrypted: options.encrypt !== "",
    managementTokenOf: (gossipKey) => privateTokens({ ...options, encrypt: gossipKey }).management,
    reload: () => agent.direct("PUT", "/agent/reload"),
    async recover(survivors) {
      await supervision.letGo();
      await recoverPrivateConsul(directory, survivors, clock);
      supervision = await begin();
    },
    async stop(how) {
      await supervision.letGo();
      if (how === "leave") await leave(agent, supervision.process, options);
      await endPrivateConsul(directory, clock);
      closeConnections();
    },
    close() {
      void supervision.letGo();
      closeConnections();
    },
  };
}

async function leave(agent: ConsulConnection, process: ConsulProcess, { clock, report }: PrivateConsulOptions): Promise<void> {
  try {
    await agent.direct("PUT", "/agent/leave");
    await endsWithin(process, LEAVE_WAIT_MS, clock);
  } catch (thrown) {
    report("warn", `the private Consul did not leave: ${messageOf(thrown)}`);
  }
}

async function startOn(options: PrivateConsulOptions): Promise<ConsulProcess> {
  const binary = await findConsul(options.binary, options.searchPath);
  const document = agentConfig({ ...options, advertise: await addressOf(options.advertise) });
  const configFile = writeConfig(options.directory, document, binary.mark);
  const running = await adoptOrSpawn(options, binary.path, configFile);
  removeOtherConfigs(options.directory, configFile);
  return running;
}

/** One that runs on this configuration is ours already; one on an earlier configuration is ended first, and is not told to leave. */
async function adoptOrSpawn(options: PrivateConsulOptions, binary: string, configFile: string): Promise<ConsulProcess> {
  const { directory, report, clock } = options;
  const found = findProcess(directory);
  if (found?.configFile === configFile) {
    if (await answers(options, found)) {
      report("info", "the private Consul runs already", { process: found.pid });
      return found;
    }
    report("warn", "the private Consul does not answer; it is started anew", { process: found.pid });
  } else if (found !== undefined)
    report("info", "the private Consul is started anew: its configuration is another one", { process: found.pid });
  await endPrivateConsul(directory, clock);
  const { data, lastWords, log } = placesOf(directory);
  settleGossipKey(data, options);
  const spawned = await spawnDetached(binary, configFile, lastWords, directory);
  if (await answers(options, spawned)) return spawned;
  const runs = isRunning(spawned);
  signal(spawned, "SIGKILL");
  await endsWithin(spawned, END_WAIT_MS, clock);
  throw runs
    ? new NamedError("CONSUL_DID_NOT_START", "Cannot start a private Consul: it runs and gives no answer")
    : whyItEnded(lastWords, log);
}

/** False: it ended, or said nothing in time. */
function answers({ directory, clock, report }: PrivateConsulOptions, which: ConsulProcess): Promise<boolean> {
  return comesToAnswer(which, placesOf(directory).socket, clock, () =>
    report("info", "the private Consul does not listen yet: it reads what it keeps", { process: which.pid }),
  );
}

/** Consul takes addresses alone. */
async function addressOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (thrown) {
    throw new NamedError(
      "CONSUL_DID_NOT_START",
      `Cannot start a private Consul: advertised name "${host}": ${messageOf(thrown)}, wanted one that can be looked up`,
    );
  }
}
