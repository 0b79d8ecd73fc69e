/** Wires the room: memory, machine, allocations, connection. The order matters: nothing is told before it is known. */
import type { Allocation, AllocationId, IdentityRequest, Node, NodeId, Task } from "#model";
import type {
  Catalog,
  ClientStore,
  Clock,
  Devices,
  Disk,
  Driver,
  FingerprintSource,
  Link,
  Machine,
  NodeEnd,
  NodeServices,
  Probe,
  Random,
  ServicesChanged,
  TaskLogs,
  TaskSockets,
  ThingSource,
  Timer,
  TokenExchange,
} from "#ports";
import type { Renderer } from "#template";
import { driverRegistry } from "#driver";
import { messageOf } from "#std";
import type { AllocationRunner } from "./allocation/runner.ts";
import { Board } from "./checks/board.ts";
import { Collector } from "./garbage/collector.ts";
import { Leftovers } from "./garbage/leftovers.ts";
import { Herd } from "./herd.ts";
import { SignedIdentities } from "./identity/book.ts";
import { fileThings } from "./lookout/file-source.ts";
import { ThingLookout } from "./lookout/lookout.ts";
import { NomadServices } from "./lookout/nomad-services.ts";
import { nomadThings } from "./lookout/nomad-source.ts";
import { followingServices } from "./node/following.ts";
import { fingerprint, worthTelling } from "./node/fingerprint.ts";
import { nodeIdentity } from "./node/identity.ts";
import { Metadata } from "./node/metadata.ts";
import { Reporter } from "./node/reporter.ts";
import { ConnectedServers } from "./node/servers.ts";
import { Session } from "./node/session.ts";
import { Solitude } from "./node/solitude.ts";
import { Surroundings } from "./node/surroundings.ts";
import { nativeCatalog } from "./registration/native-catalog.ts";
import { CatalogRegistrar } from "./registration/registrar.ts";
import { nodeServices } from "./services/node-services.ts";
import { SealedFacts, type FactStore } from "./sealed-facts.ts";
import type { ClientSettings } from "./settings.ts";
import type { KillPoint } from "./step.ts";
import { forgetStrangers } from "./templates/strangers.ts";
import { WorkloadTokens } from "./tokens/book.ts";
import type { ClientWorld, Report } from "./world.ts";

export interface ClientNeeds {
  readonly link: Link;
  readonly drivers: readonly Driver[];
  readonly devices?: readonly Devices[];
  /** Other systems the node's description names. */
  readonly fingerprintSources?: readonly FingerprintSource[];
  /** Workloads' identities are traded for Consul tokens here; left out: there are none. */
  readonly tokenExchange?: TokenExchange;
  /** And for Vault tokens. */
  readonly vaultTokenExchange?: TokenExchange;
  /** Reads what templates look at in Consul and Vault; the servers' variables and services, and files, are read in here. */
  readonly thingSources?: readonly ThingSource[];
  /** Renders templates; made once, when a task first needs it. Left out: tasks with templates fail, and say so. */
  readonly renderer?: () => Renderer;
  /** 32 bytes: seals tokens, credentials and what stands in for them in the node's memory. Left out (tests): they lie there as they are. */
  readonly sealingKey?: Uint8Array;
  /** Each task gets a socket to the agent's API; left out: none does. */
  readonly taskSockets?: TaskSockets;
  /** Where services are made known beside Drover's own registry, which is always there. */
  readonly catalogs?: readonly Catalog[];
  /** Looks at services for the checks the node runs itself; left out: those checks fail. */
  readonly probe?: Probe;
  /** Called with the whole registry of services first, then with every change, on each connection; left out: nobody here wants to know. */
  readonly servicesChanged?: (change: ServicesChanged) => void;
  readonly taskLogs: TaskLogs;
  readonly disk: Disk;
  readonly machine: Machine;
  readonly store: ClientStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: ClientSettings;
  readonly report: Report;
  /** Tests die here; in production it is left out. */
  readonly killPoint?: KillPoint;
}

export interface Client {
  readonly nodeId: NodeId;
  /** As it was last described. */
  readonly node: () => Node;
  readonly services: NodeServices;
  /** Counts for metrics and debugging. */
  statistics(): Readonly<Record<string, number>>;
  /**
   * stopTasks false: tasks run on, and are found again at the next start. true (dev agent): all tasks are stopped, their
   * remains removed, nothing is left. The store is closed either way.
   */
  close(how: { readonly stopTasks: boolean }): Promise<void>;
}

/**
 * Resolves when the machine is known, everything from before is taken up again and the connection is being made; the node is
 * ready when the servers say so. Rejects with NamedErrors of the makers.
 */
export async function startClient(needs: ClientNeeds): Promise<Client> {
  const { settings, store, clock, random, machine, report } = needs;
  const identity = nodeIdentity(store, random, settings.nodeId);
  const devices = needs.devices ?? [];
  const metadata = new Metadata(store, settings.meta);
  const surroundings: Surroundings = new Surroundings({
    sources: needs.fingerprintSources ?? [],
    clock,
    intervalMs: settings.fingerprintIntervalMs,
  });
  const look = () =>
    fingerprint({
      machine,
      drivers: needs.drivers,
      devices,
      settings: { ...settings, meta: metadata.current },
      identity,
      clock,
      surrounding: () => surroundings.describe(),
    });
  await surroundings.start();
  let node = await look();
  const servers = new ConnectedServers(clock, random);
  const identities = new SignedIdentities({ servers, clock, random, report });
  const secrets: FactStore = needs.sealingKey === undefined ? store : new SealedFacts({ store, key: needs.sealingKey });
  const book = { identities, store: secrets, clock, random, report };
  const consulTokens = new WorkloadTokens({ ...book, system: "Consul", prefix: "consul-token/", exchange: needs.tokenExchange });
  const vaultTokens = new WorkloadTokens({
    ...book,
    system: "Vault",
    prefix: "vault-token/",
    exchange: needs.vaultTokenExchange,
    mayRunOut: (request) => taskOf(herd.runners.get(request.AllocationID)?.allocation, request)?.Vault?.AllowTokenExpiration === true,
  });
  const following = followingServices(needs.servicesChanged !== undefined);
  const nomadServices = new NomadServices();
  const lookout = new ThingLookout({
    sources: [
      ...(needs.thingSources ?? []),
      nomadThings({ servers, services: nomadServices, clock, followServices: () => following.begin() }),
      fileThings({
        disk: needs.disk,
        clock,
        allocationsDirectory: settings.allocationDirectory,
        sandboxDisabled: settings.template.sandboxDisabled,
      }),
    ],
    facts: secrets,
    clock,
    random,
    report,
  });
  const renderer = onceMade(needs.renderer);
  const tokens = consulTokens;
  const registry = nativeCatalog({ servers, node: () => node, allocation: (id) => herd.runners.get(id)?.allocation, clock });
  const catalogs = [registry, ...(needs.catalogs ?? [])];
  const registrar = new CatalogRegistrar({ catalogs, tokens, clock, random, report });
  const checks = new Board({ catalogs, probe: needs.probe ?? BLIND, tokens, clock, random });
  const world: ClientWorld = {
    settings,
    store,
    secrets,
    clock,
    random,
    machine,
    report,
    drivers: driverRegistry(needs.drivers),
    devices,
    taskLogs: needs.taskLogs,
    disk: needs.disk,
    servers,
    registrar,
    checks,
    identities,
    consulTokens,
    vaultTokens,
    lookout,
    renderer: renderer.get,
    taskSockets: needs.taskSockets,
    killPoint: needs.killPoint ?? (() => {}),
    node: () => node,
  };
  if (store.lost !== undefined)
    report({ level: "error", message: "the node's memory could not be read; starting with an empty one", fields: { problem: store.lost } });

  const leftovers = new Leftovers(world);
  const herd: Herd = new Herd({ world, leftovers, mark: (id, urgent) => reporter.mark(id, urgent), ended: () => collector.nudge() });
  const reporter: Reporter = new Reporter({ clock, batchMs: settings.updateBatchMs, report, describe: (id) => herd.describe(id) });
  const collector: Collector = new Collector(world, herd);
  const solitude: Solitude = new Solitude({
    clock,
    store,
    living: () => [...herd.runners.values()].filter((runner) => !runner.isOver).map((runner) => runner.allocation),
    stop: (id) => herd.runners.get(id)?.halt("alone"),
  });
  const servicesChanged = (id: AllocationId) => herd.runners.get(id)?.servicesChanged();
  registrar.subscribe(servicesChanged);
  checks.subscribe(servicesChanged);
  tokens.subscribe((request) => registrar.tokenReplaced(request));
  for (const [system, each] of [
    ["consul", consulTokens],
    ["vault", vaultTokens],
  ] as const) {
    each.subscribe(({ AllocationID, Workload }) => {
      if (Workload.Kind === "task") lookout.tokenReplaced(AllocationID, Workload.Task, system);
    });
  }
  /** Addresses and metadata of the node stand in what its allocations offer. */
  const nodeIs = (changed: Node) => {
    node = changed;
    session.registerAgain();
    for (const runner of herd.runners.values()) runner.servicesChanged();
  };
  const services = nodeServices(world, herd, collector, {
    describe: () => metadata.describe(),
    change: (changes) => {
      const changed = metadata.change(changes);
      nodeIs({ ...node, Meta: changed.Meta });
      return changed;
    },
  });

  herd.restore();
  const living = new Set([...herd.runners].filter(([, runner]) => !runner.isOver).map(([id]) => id));
  consulTokens.restore(living);
  vaultTokens.restore(living);
  lookout.restore(living);
  forgetStrangers(store, { has: (id) => herd.runners.has(id as AllocationId) });
  await leftovers.search(new Map([...herd.runners].map(([id, runner]): [AllocationId, typeof runner.progress] => [id, runner.progress])));
  herd.begin();
  registrar.start();
  // A node that lost its memory knows what lives here only when the servers have said it.
  if (store.lost === undefined) registrar.known();
  collector.start();

  solitude.look();

  const end: NodeEnd = {
    services,
    allocationsChanged: (change) =>
      void herd.accept(change).then(() => {
        solitude.look();
        if (change.Complete) registrar.known();
      }),
    servicesChanged: (change) => {
      needs.servicesChanged?.(change);
      nomadServices.accept(change);
      registrar.registryChanged(change);
    },
  };
  const session: Session = new Session({
    link: needs.link,
    end,
    node: () => node,
    clock,
    random,
    report,
    connected: (connection) => {
      reporter.use(connection);
      servers.use(connection);
      if (connection !== undefined) registrar.lookAgain("nomad");
      following.on(connection);
    },
    heard: () => solitude.heard(),
  });
  session.start();
  const watch = watchMachine(needs, look, (now) => {
    // Metadata may have been set while the machine was looked at.
    const current = { ...now, Meta: metadata.current };
    if (!worthTelling(node, current)) return;
    nodeIs(current);
  });
  surroundings.follow(() => watch.lookNow());

  return {
    nodeId: identity.ID,
    node: () => node,
    services,
    statistics: () => ({
      ...statistics(herd),
      ...registrar.statistics(),
      allocations_with_checks: checks.size,
      allocations_with_identities: identities.counts.allocations,
      allocations_with_consul_tokens: consulTokens.counts.allocations,
      consul_tokens: consulTokens.counts.held,
      consul_tokens_returning: consulTokens.counts.returning,
      vault_tokens: vaultTokens.counts.held,
      vault_tokens_returning: vaultTokens.counts.returning,
      allocations_taking_turns: [...herd.runners.values()].filter((runner) => runner.takesTurn).length,
      template_things: lookout.counts.things,
      template_readers: lookout.counts.readers,
      template_reads: lookout.counts.reads,
      template_leases: lookout.counts.leases,
      template_leases_returning: lookout.counts.returning,
      waiting_for_identities: identities.counts.waiting,
      waiting_for_servers: servers.waiting,
    }),
    close: async ({ stopTasks }) => {
      watch.close();
      surroundings.close();
      collector.close();
      solitude.close();
      if (stopTasks) {
        const stopped = await stopEverything(herd);
        // A last word to the servers, if they listen.
        await Promise.race([reporter.flushed(), clock.sleep(500)]);
        await Promise.all(stopped.map((runner) => herd.remove(runner)));
      }
      registrar.close();
      checks.close();
      session.close();
      reporter.close();
      herd.detach();
      // Leases first: they are given back with the tokens.
      await lookout.close();
      await Promise.all([consulTokens.close(), vaultTokens.close()]);
      await renderer.close();
      identities.close();
      await needs.taskLogs.release({ stop: stopTasks });
      store.close();
    },
  };
}

function onceMade(make: (() => Renderer) | undefined): { get(): Renderer | undefined; close(): Promise<void> } {
  let made: Renderer | undefined;
  return {
    get: () => (made ??= make?.()),
    close: async () => made?.close(),
  };
}

function taskOf(allocation: Allocation | undefined, { Workload }: IdentityRequest): Task | undefined {
  return allocation?.Job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup)?.Tasks.find(({ Name }) => Name === Workload.Task);
}

/** Stands in where nobody gave a probe. */
const BLIND: Probe = {
  http: () => Promise.resolve(UNSEEN),
  tcp: () => Promise.resolve(UNSEEN),
};
const UNSEEN = { passing: false, statusCode: 0, output: "this agent has no means to look at services" };

/** Looks at machine and drivers again and again. */
function watchMachine(
  needs: Pick<ClientNeeds, "settings" | "clock" | "report">,
  lookAt: () => Promise<Node>,
  seen: (node: Node) => void,
): { close(): void; lookNow(): void } {
  const { settings, clock, report } = needs;
  let timer: Timer | undefined;
  let closed = false;
  let looking = false;
  let again = false;
  const look = async () => {
    looking = true;
    try {
      const node = await lookAt();
      if (!closed) seen(node);
    } catch (thrown) {
      report({ level: "warn", message: "the machine could not be looked at", fields: { problem: messageOf(thrown) } });
    }
    looking = false;
    if (!closed) arm(again ? 0 : settings.fingerprintIntervalMs);
    again = false;
  };
  const arm = (delayMs: number) => (timer = clock.after(delayMs, () => void look()));
  arm(settings.fingerprintIntervalMs);
  return {
    close: () => {
      closed = true;
      timer?.cancel();
    },
    lookNow: () => {
      if (looking) again = true;
      else {
        timer?.cancel();
        arm(0);
      }
    },
  };
}

async function stopEverything(herd: Herd): Promise<readonly AllocationRunner[]> {
  const runners = [...herd.runners.values()];
  for (const runner of runners) runner.stop();
  await Promise.all(runners.map((runner) => runner.whenOver));
  return runners;
}

function statistics(herd: Herd): Readonly<Record<string, number>> {
  const counts = { entering: 0, running: 0, exiting: 0, over: 0, leaving: 0 };
  for (const runner of herd.runners.values()) counts[runner.phase]++;
  return counts;
}
