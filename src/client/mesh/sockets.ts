/**
 * The sockets in one allocation's shared directory that lead to Consul: proxies get their configuration over one, services that speak for themselves
 * ask over the other. Nobody waits for Consul here: a connection made while it is not known where that is ends at once, and its maker tries again.
 */
import { join } from "node:path";
import type { TaskGroup } from "#model";
import type { Clock, Mesh, MeshEndpoint, Timer, Tunnel, Tunnels, TunnelTarget } from "#ports";
import { ownMode } from "../network/request.ts";
import { GRPC_SOCKET, HTTP_SOCKET, socketsWanted } from "./proxy-of.ts";

export interface AllocationSocketsNeeds {
  readonly tunnels: Tunnels | undefined;
  readonly mesh: Pick<Mesh, "endpoint" | "httpAddress"> | undefined;
  readonly clock: Clock;
}

const UNKNOWN_MS = 1_000;
const KNOWN_MS = 15_000;

export class AllocationSockets {
  readonly #needs: AllocationSocketsNeeds;
  #tunnels: Tunnel[] = [];
  #endpoint: MeshEndpoint | undefined;
  #timer: Timer | undefined;
  /** Of what is open: everything that was begun in another is over. */
  #life = 0;

  constructor(needs: AllocationSocketsNeeds) {
    this.#needs = needs;
  }

  /** Those its group wants; none on the machine's own network, where Consul is reached as it is. Repeated: in place of those before. Rejects with TUNNEL_FAILED. */
  async open(group: TaskGroup, sharedDirectory: string): Promise<void> {
    const ended = this.close();
    const life = this.#life;
    await ended;
    const wanted = socketsWanted(group);
    if (ownMode(group) === undefined) return;
    if (wanted.http) await this.#open(life, join(sharedDirectory, HTTP_SOCKET), () => httpTarget(this.#needs.mesh?.httpAddress));
    if (wanted.grpc) await this.#look(life);
    if (wanted.grpc) await this.#open(life, join(sharedDirectory, GRPC_SOCKET), () => grpcTarget(this.#endpoint));
  }

  /** What is being opened meanwhile ends as soon as it is. */
  async close(): Promise<void> {
    this.#life++;
    this.#timer?.cancel();
    const open = this.#tunnels;
    this.#tunnels = [];
    await Promise.all(open.map((each) => each.close()));
  }

  async #open(life: number, path: string, target: () => TunnelTarget | undefined): Promise<void> {
    if (life !== this.#life) return;
    const tunnel = await this.#needs.tunnels?.open(path, target);
    if (tunnel === undefined) return;
    if (life === this.#life) this.#tunnels.push(tunnel);
    else await tunnel.close();
  }

  /** Waits no longer than a moment; goes on by itself. Consul may move, or come later. */
  #look(life: number): Promise<void> {
    const { mesh, clock } = this.#needs;
    const asked = Promise.withResolvers<void>();
    const patience = clock.after(UNKNOWN_MS, asked.resolve);
    const again = (ms: number): void => {
      if (life === this.#life) this.#timer = clock.after(ms, () => void this.#look(life));
    };
    (mesh?.endpoint() ?? Promise.resolve(undefined))
      .then(
        (endpoint) => {
          // What was known stays known: it may be away for a moment only.
          if (endpoint !== undefined) this.#endpoint = endpoint;
          again(endpoint === undefined ? UNKNOWN_MS : KNOWN_MS);
        },
        () => again(UNKNOWN_MS),
      )
      .finally(() => {
        patience.cancel();
        asked.resolve();
      });
    return asked.promise;
  }
}

function grpcTarget(endpoint: MeshEndpoint | undefined): TunnelTarget | undefined {
  return endpoint === undefined ? undefined : { host: endpoint.host, port: endpoint.port };
}

export function httpTarget(address = ""): TunnelTarget | undefined {
  const url = URL.parse(address);
  if (url === null) return undefined;
  if (url.protocol === "unix:") return { path: url.pathname };
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port };
}
