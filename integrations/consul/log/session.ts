/**
 * A session that lives as long as this process does and its main loop turns: it hangs on an HTTP check of its pulse (a killed process and a hung one
 * both fail it, consul-log.md 24) and on the health of the Consul agent beside us. Nothing renews it. What an earlier life of this server left is
 * ended.
 *
 * One failed check ends the session, so what is patient is the question, not the counting: a refused connection fails at once, an answer may take
 * TIMEOUT. To bear two short failures in a row instead costs a stopped process's detection the same time and bears less (the longest hang that passes
 * is then the two time-outs and the pause between them, the longest time to detection one more pause). Killed: 0–0.3 s. Stopped: 1–1.3 s. A hung main
 * loop: what the pulse says (host/pulse.ts), and 0.3 s more.
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "#ports";
import { ConsulProblem, answerText } from "../problem.ts";
import { READ_MS, type Store } from "./store.ts";

export interface Pulse {
  /** Of this server, the same over restarts; names its check and its sessions. */
  readonly id: string;
  /** What Consul asks; 2xx while the main loop turns. */
  readonly http: string;
}

export interface Sessions {
  /** A new one; those of before are ended. Rejects with ConsulProblem; with the signal's reason. */
  open(signal: AbortSignal): Promise<string>;
  /** Also gives back the lock. */
  end(session: string): Promise<void>;
  /** Ends all of this server, and takes its check out. */
  close(): Promise<void>;
}

const CHECK_INTERVAL = "300ms";
const CHECK_TIMEOUT = "1s";
/** Consul creates a session only once it has heard of the check (measured: 70–300 ms). */
const CHECK_NEW_MS = 5_000;
const CHECK_NEW_RETRY_MS = 20;
const CHECK_NEW_RETRY_MAX_MS = 200;

export function sessionsOf(
  store: Store,
  { pulse, clock, lockDelayMs }: { readonly pulse: Pulse; readonly clock: Clock; readonly lockDelayMs: number },
): Sessions {
  const name = `drover ${pulse.id}`;
  const serviceId = `drover-log-${pulse.id}`;
  let node: string | undefined;
  /** That it stands in the catalog was asked for; whether it does may never have been told. */
  let mayBeRegistered = false;

  async function ask<T>(method: "GET" | "PUT", path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const answer = await store.send(method, path, {
      withinMs: READ_MS,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.status !== 200) throw new ConsulProblem(answer.status, answerText(answer.body));
    const text = answer.body.toString().trim();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }
  /**
   * As a service's check: one of the node's own would take all services of this node down with us. A new one each time, in place of the one before: that
   * one stays critical in the catalog, though it was answered since, until the agent next tells the catalog by itself (0–3 s after Consul has chosen
   * a leader, 15–30 s after it could not tell), and a new one it tells at once.
   */
  const register = (checkId: string, signal: AbortSignal): Promise<void> =>
    ask(
      "PUT",
      "/agent/service/register?replace-existing-checks=true",
      {
        ID: serviceId,
        Name: "drover-log",
        Check: {
          CheckID: checkId,
          Name: "The main loop of the Drover server answers",
          HTTP: pulse.http,
          Interval: CHECK_INTERVAL,
          Timeout: CHECK_TIMEOUT,
          Status: "passing",
          DeregisterCriticalServiceAfter: "24h",
        },
      },
      signal,
    );
  async function create(checkId: string, signal: AbortSignal): Promise<string> {
    const startedMs = clock.nowMs();
    for (let retryMs = CHECK_NEW_RETRY_MS; ; retryMs = Math.min(CHECK_NEW_RETRY_MAX_MS, retryMs * 2)) {
      try {
        const { ID } = await ask<{ ID: string }>(
          "PUT",
          "/session/create",
          { Name: name, Behavior: "release", LockDelay: `${lockDelayMs}ms`, NodeChecks: ["serfHealth"], ServiceChecks: [{ ID: checkId }] },
          signal,
        );
        return ID;
      } catch (thrown) {
        const isNew =
          thrown instanceof ConsulProblem &&
          /(missing|invalid|critical|no such) .*check|check .*(missing|critical|not found)/i.test(thrown.message);
        if (!isNew || clock.nowMs() - startedMs > CHECK_NEW_MS) throw thrown;
        await clock.sleep(retryMs);
      }
    }
  }
  async function mine(): Promise<readonly string[]> {
    if (node === undefined) return [];
    const all = await ask<readonly { ID: string; Name: string }[]>("GET", `/session/node/${encodeURIComponent(node)}?consistent`);
    return all.filter(({ Name }) => Name === name).map(({ ID }) => ID);
  }
  const end = (session: string): Promise<void> => ask("PUT", `/session/destroy/${session}`);

  return {
    async open(signal) {
      const checkId = `drover-pulse-${pulse.id}-${randomUUID()}`;
      mayBeRegistered = true;
      await register(checkId, signal);
      const session = await create(checkId, signal);
      // The session says which node it is on; asking the agent would need one more permission.
      const [info] = await ask<readonly { Node: string }[]>("GET", `/session/info/${session}?consistent`, undefined, signal);
      node = info?.Node;
      for (const other of await mine()) if (other !== session) await end(other);
      return session;
    },
    end,
    async close() {
      try {
        for (const session of await mine()) await end(session);
      } finally {
        // The sessions of its check go with it, those too that could not be ended or that nobody was told of.
        if (mayBeRegistered) await ask("PUT", `/agent/service/deregister/${encodeURIComponent(serviceId)}`);
      }
    },
  };
}
