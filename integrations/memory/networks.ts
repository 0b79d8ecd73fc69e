/** Networks that are only spoken of: for tests of what asks for them. The same promises as the real ones; nothing is reached through them. */
import type { AllocationId } from "#model";
import type { AllocationNetwork, Finding, NetworkRequest, Networks } from "#ports";
import { NamedError } from "#std";

export interface MemoryNetworks extends Networks {
  /** As the machine would look after a reboot: namespaces are gone. */
  reboot(): void;
  /** Something of it was lost that can be mended: it is not found until then. */
  lose(id: AllocationId): void;
  /** The next `setUp` rejects with this. */
  failNext(error: Error): void;
  /** What was asked of each network that stands. */
  requests(): ReadonlyMap<AllocationId, NetworkRequest>;
}

export interface MemoryNetworksOptions {
  /** Default "0a0b0c0d". */
  readonly owner?: string;
  /** Of cni/NAME; default none. */
  readonly networks?: readonly string[];
  /** Addresses to give out, from 10.99.0.2 on; default 250. */
  readonly addresses?: number;
  /** Folder that `files` are said to lie in; nothing is written. Default "/memory". */
  readonly directory?: string;
  readonly findings?: readonly Finding[];
  readonly attributes?: Readonly<Record<string, string>>;
}

const FIRST = 2;

export function memoryNetworks(options: MemoryNetworksOptions = {}): MemoryNetworks {
  const { owner = "0a0b0c0d", networks = [], addresses = 250, directory = "/memory" } = options;
  const standing = new Map<AllocationId, { readonly request: NetworkRequest; readonly network: AllocationNetwork }>();
  const lost = new Set<AllocationId>();
  let failure: Error | undefined;

  const freeAddress = (): string => {
    const taken = new Set([...standing.values()].map((one) => one.network.address));
    for (let number = FIRST; number < FIRST + addresses; number++) {
      const address = `10.99.${number >> 8}.${number & 255}`;
      if (!taken.has(address)) return address;
    }
    throw new NamedError("NETWORK_SUBNET_EXHAUSTED", "Cannot connect an allocation: no IP addresses available in range set");
  };

  const check = (request: NetworkRequest): void => {
    const known = request.mode === "bridge" || request.mode === "none" || networks.some((name) => request.mode === `cni/${name}`);
    if (!known) throw new NamedError("NETWORK_UNKNOWN", `Cannot set up network "${request.mode}": there is none of this name`);
    for (const [id, other] of standing) {
      const clash = request.ports.find((port) =>
        other.request.ports.some(
          (one) => one.hostPort === port.hostPort && (one.hostIp === port.hostIp || one.hostIp === "" || port.hostIp === ""),
        ),
      );
      if (id !== request.id && clash !== undefined) {
        throw new NamedError(
          "NETWORK_PORT_TAKEN",
          `Cannot map port "${clash.label}": port ${clash.hostPort} of this machine is led to "${id}"`,
        );
      }
    }
  };

  const mend = (id: AllocationId): readonly string[] => (lost.delete(id) ? [`The network of allocation ${id} is whole again`] : []);

  return {
    async describe() {
      const modes = ["bridge", ...networks.map((name) => `cni/${name}`)];
      return {
        networks: modes.map((Mode) => ({ Mode, Device: Mode === "bridge" ? "memory" : "", CIDR: "", IP: "", MBits: 0 })),
        attributes: { "nomad.bridge.hairpin_mode": "false", ...options.attributes },
      };
    },
    async preflight() {
      return options.findings ?? [{ what: "system", standing: "good", problem: "Networks in memory lack nothing", fix: "" }];
    },
    async settle() {
      return [...lost].flatMap(mend);
    },
    async mend(id) {
      return mend(id);
    },
    async setUp(request, signal) {
      signal.throwIfAborted();
      const failed = failure;
      failure = undefined;
      if (failed !== undefined) throw failed;
      check(request);
      const before = standing.get(request.id)?.network;
      const connected = request.mode !== "none";
      const network: AllocationNetwork = {
        namespacePath: `/run/netns/drover-${owner}-${request.id}`,
        interface: connected ? "eth0" : "",
        address: connected ? (before === undefined || before.address === "" ? freeAddress() : before.address) : "",
        addressIPv6: "",
        gateway: connected ? "10.99.0.1" : "",
        dns: null,
        hostname: request.hostname === "" ? request.id.slice(0, 8) : request.hostname,
        files: { hosts: `${directory}/${request.id}/hosts`, resolvConf: `${directory}/${request.id}/resolv.conf` },
      };
      lost.delete(request.id);
      standing.set(request.id, { request, network });
      return network;
    },
    async find(id) {
      return lost.has(id) ? undefined : standing.get(id)?.network;
    },
    async tearDown(id) {
      lost.delete(id);
      standing.delete(id);
    },
    async list() {
      return [...standing.keys()].sort();
    },
    reboot() {
      lost.clear();
      standing.clear();
    },
    lose(id) {
      if (standing.has(id)) lost.add(id);
    },
    failNext(error) {
      failure = error;
    },
    requests: () => new Map([...standing].map(([id, one]) => [id, one.request])),
  };
}
