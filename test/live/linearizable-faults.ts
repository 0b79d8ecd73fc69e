/** What befalls three real servers, one thing after the other, from a seed. Each names whom it befalls, holds for a while and is mended. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "#ports";
import type { ClusterMachine, ClusterWorld, MachineProcess } from "./parts/cluster-world.ts";

export interface Server {
  readonly machine: ClusterMachine;
  process: MachineProcess;
  /** It is down, by us. */
  down: boolean;
  start(): void;
}

export interface Fault {
  readonly name: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

export const skewFile = (machine: ClusterMachine): string => join(machine.folder, "skew-ms");
export const dataOf = (machine: ClusterMachine): string => join(machine.folder, "data");

type Kind = (
  one: Server,
  other: Server,
) => { readonly begin: () => Promise<unknown> | unknown; readonly end: () => Promise<unknown> | unknown };

/** A whole round of every kind (or of those that DROVER_HISTORY_FAULTS names, "disk|clock"), in an order of the seed's; again and again. */
export function* faultsOf(
  world: ClusterWorld,
  servers: readonly Server[],
  leader: () => Server | undefined,
  random: Random,
): Generator<Fault> {
  const start = (server: Server): void => {
    // Another fault may have ended it too.
    if (server.down) server.start();
    server.down = false;
  };
  const kinds: Readonly<Record<string, Kind>> = {
    "roads cut between": (one, other) => ({ begin: () => world.cutBetween(one.machine, other.machine), end: () => world.heal() }),
    "one-way road from": (one, other) => ({
      begin: () => one.machine.host.must("iptables", "-w", "-A", "OUTPUT", "-d", other.machine.address, "-j", "DROP"),
      end: () => world.heal(),
    }),
    "cable pulled of": (one) => ({ begin: () => one.machine.cut(), end: () => one.machine.heal() }),
    "Drover stopped of": (one) => ({ begin: () => one.process.stop(), end: () => one.process.cont() }),
    "machine stopped:": (one) => ({ begin: () => one.machine.stop(), end: () => one.machine.cont() }),
    "Drover killed of": (one) => ({
      begin() {
        one.down = true;
        return one.process.kill9();
      },
      end: () => start(one),
    }),
    "Consul killed of": (one) => ({
      begin: async () => (await consulsOf(one)).forEach((pid) => process.kill(pid, "SIGKILL")),
      end: () => undefined,
    }),
    "power gone of": (one) => ({
      begin() {
        one.down = true;
        return one.machine.kill9();
      },
      end: () => start(one),
    }),
    "disk full of": (one) => ({
      begin: () => one.machine.host.run("dd", ["if=/dev/zero", `of=${dataOf(one.machine)}/ballast`, "bs=64k"]),
      end: () => one.machine.host.run("rm", ["-f", `${dataOf(one.machine)}/ballast`]),
    }),
    "clock ahead of": (one) => ({
      begin: () => writeFileSync(skewFile(one.machine), "3600000"),
      end: () => writeFileSync(skewFile(one.machine), "0"),
    }),
    "clock behind of": (one) => ({
      begin: () => writeFileSync(skewFile(one.machine), "-600000"),
      end: () => writeFileSync(skewFile(one.machine), "0"),
    }),
  };
  const wanted = new RegExp(process.env["DROVER_HISTORY_FAULTS"] ?? "");
  for (;;) {
    const names = Object.keys(kinds).filter((name) => wanted.test(name));
    while (names.length > 0) {
      const [name = ""] = names.splice(random.integer(names.length), 1);
      const leading = leader();
      const one = leading !== undefined && random.fraction() < 0.7 ? leading : (servers[random.integer(servers.length)] as Server);
      const others = servers.filter((each) => each !== one);
      const other = others[random.integer(others.length)] as Server;
      const { begin, end } = (kinds[name] as Kind)(one, other);
      const between = name.includes("road") ? ` and ${other.machine.name}` : "";
      yield {
        name: `${name} ${one.machine.name}${between}${one === leading ? " (leader)" : ""}`,
        begin: async () => void (await begin()),
        end: async () => void (await end()),
      };
    }
  }
}

async function consulsOf({ machine }: Server): Promise<number[]> {
  return (await machine.pids()).filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return words[0]?.endsWith("consul") === true && words[1] === "agent";
    } catch {
      return false;
    }
  });
}
