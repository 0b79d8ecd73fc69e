/** The connection to docker: the only place that knows sockets and addresses. Nothing in here decides about tasks. */
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { isAway, isMissing, unreachable } from "./problem.ts";
import { LABEL_OWNER, type DockerSettings } from "./options.ts";

export interface Daemon {
  readonly docker: Docker;
  readonly endpoint: string;
  /** The machine's own docker: its processes are seen in /proc. */
  readonly local: boolean;
  /** Asks until docker answers: while it is away nothing is known, so nothing is said. */
  answered<T>(ask: () => Promise<T>): Promise<T>;
  /** undefined where docker says that there is no such thing. */
  known<T>(ask: () => Promise<T>): Promise<T | undefined>;
  /** Containers of this owner with these labels, running or not. */
  containers(labels: Readonly<Record<string, string>> | string): Promise<Docker.ContainerInfo[]>;
}

const AGAIN_MS = 500;
const AGAIN_MAX_MS = 5000;

export function openDaemon(settings: Pick<DockerSettings, "endpoint" | "tls">, owner: string): Daemon {
  const docker = new Docker(dialOptions(settings) as Docker.DockerOptions);
  const daemon: Daemon = {
    docker,
    endpoint: settings.endpoint,
    local: settings.endpoint.startsWith("unix:") || settings.endpoint.startsWith("/"),
    async answered(ask) {
      for (let pauseMs = AGAIN_MS; ; pauseMs = Math.min(AGAIN_MAX_MS, pauseMs * 2)) {
        try {
          return await ask();
        } catch (thrown) {
          if (!isAway(thrown)) throw thrown;
          await sleep(pauseMs);
        }
      }
    },
    async known(ask) {
      try {
        return await ask();
      } catch (thrown) {
        if (isMissing(thrown)) return undefined;
        throw thrown;
      }
    },
    async containers(labels) {
      const wanted = typeof labels === "string" ? [labels] : Object.entries(labels).map(([key, value]) => `${key}=${value}`);
      try {
        return await docker.listContainers({ all: true, filters: { label: [`${LABEL_OWNER}=${owner}`, ...wanted] } });
      } catch (thrown) {
        throw isAway(thrown) ? unreachable(settings.endpoint, thrown) : thrown;
      }
    },
  };
  return daemon;
}

/** unix:///path, /path, tcp://host:port, http(s)://host:port → how it is dialled. */
function dialOptions(settings: Pick<DockerSettings, "endpoint" | "tls">): Record<string, unknown> {
  const { endpoint, tls } = settings;
  const plain = { agent: new http.Agent({ keepAlive: false }) };
  if (endpoint.startsWith("unix://")) return { ...plain, socketPath: endpoint.slice("unix://".length) };
  if (endpoint.startsWith("/")) return { ...plain, socketPath: endpoint };
  const url = new URL(endpoint);
  const secured = url.protocol === "https:" || tls.certFile !== "" || tls.caFile !== "";
  const port = url.port === "" ? (secured ? 2376 : 2375) : Number(url.port);
  if (!secured) return { ...plain, protocol: "http", host: url.hostname, port };
  const read = (file: string) => (file !== "" && existsSync(file) ? readFileSync(file) : undefined);
  return {
    agent: new https.Agent({ keepAlive: false }),
    protocol: "https",
    host: url.hostname,
    port,
    ca: read(tls.caFile),
    cert: read(tls.certFile),
    key: read(tls.keyFile),
  };
}
