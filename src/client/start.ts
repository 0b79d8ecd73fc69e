/** Wires the room: memory, machine, allocations, connection. The order matters: nothing is told before it is known. */
import type { Allocation, AllocationId, Node } from "#model";
import type { NodeEnd, Probe } from "#ports";
import { driverRegistry } from "#driver";
import { openBooks } from "./books.ts";
import { Board } from "./checks/board.ts";
import { Collector } from "./garbage/collector.ts";
import { Leftovers } from "./garbage/leftovers.ts";
import { Herd } from "./herd.ts";
import type { Client, ClientNeeds } from "./needs.ts";
import { fingerprint, worthTelling } from "./node/fingerprint.ts";
import { nodeIdentity } from "./node/identity.ts";
import { watchMachine } from "./node/machine-watch.ts";
import { Metadata } from "./node/metadata.ts";
import { Reporter } from "./node/reporter.ts";
import { ConnectedServers } from "./node/servers.ts";
import { Session } from "./node/session.ts";
import { Solitude } from "./node/solitude.ts";
import { Surroundings } from "./node/surroundings.ts";
import { consulTakes } from "./mesh/consul-takes.ts";
import { MeshBoard } from "./mesh/board.ts";
import { Networked } from "./network/book.ts";
import { Settling } from "./network/settling.ts";
import { nativeCatalog } from "./registration/native-catalog.ts";
import { CatalogRegistrar } from "./registration/registrar.ts";
import { nodeServices } from "./services/node-services.ts";
import { forgetStrangers } from "./templates/strangers.ts";
import type { ClientWorld } from "./world.ts";

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
  const allocation = (id: AllocationId) => herd.runners.get(id)?.allocation;
  const books = openBooks(needs, servers, allocation);
  const tokens = books.consulTokens;
  const registry = nativeCatalog({ servers, node: () => node, allocation, clock });
  const catalogs = [registry, ...(needs.catalogs ?? [])];
  const registrar = new CatalogRegistrar({ catalogs, tokens, clock, random, report });
  const checks = new Board({ catalogs, probe: needs.probe ?? BLIND, tokens, clock, random });
  const proxies = new MeshBoard({ proxies: needs.proxies, clock, random, report, consulAnswers: consulTakes(needs.mesh, clock) });
  const world: ClientWorld = {
    settings,
    store,
    secrets: books.secrets,
    clock,
    random,
    machine,
    report,
    drivers: driverRegistry(needs.drivers),
    devices,
    taskLogs: needs.taskLogs,
    disk: needs.disk,
    servers,
    networks: needs.networks,
    networkBook: new Networked(),
    proxies: needs.proxies,
    mesh: needs.mesh,
    tunnels: needs.tunnels,
    proxyBoard: proxies,
    registrar,
    checks,
    identities: books.identities,
    consulTokens: books.consulTokens,
    vaultTokens: books.vaultTokens,
    lookout: books.lookout,
    renderer: books.renderer,
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
  world.networkBook.subscribe((id) => herd.runners.get(id)?.networkChanged());
  tokens.subscribe((request) => registrar.tokenReplaced(request));
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
  books.restore(living);
  forgetStrangers(store, { has: (id) => herd.runners.has(id as AllocationId) });
  await leftovers.search(
    new Map([...herd.runners].map(([id, runner]): [AllocationId, typeof runner.progress] => [id, runner.progress])),
    new Set([...herd.runners].flatMap(([, runner]) => driversOf(runner.allocation))),
  );
  herd.begin();
  registrar.start();
  // A node that lost its memory knows what lives here only when the servers have said it.
  if (store.lost === undefined) void herd.networksKnown().then(() => registrar.known());
  collector.start();
  const withNetwork = () => [...herd.runners].flatMap(([id, runner]) => (world.networkBook.of(id) === undefined ? [] : [runner]));
  const settling = new Settling({
    clock,
    networks: needs.networks,
    intervalMs: settings.networkIntervalMs,
    wanted: () => withNetwork().length > 0,
    settled: async () => void (await Promise.all(withNetwork().map((runner) => runner.lookAtNetwork()))),
    report,
  });
  settling.start();

  solitude.look();

  const end: NodeEnd = {
    services,
    allocationsChanged: (change) =>
      void herd.accept(change).then(() => {
        solitude.look();
        if (change.Complete) void herd.networksKnown().then(() => registrar.known());
      }),
    servicesChanged: (change) => {
      needs.servicesChanged?.(change);
      books.servicesChanged(change);
      registrar.registryChanged(change);
    },
  };
  const session: Session = new Session({
    link: needs.link,
    end,
    node: () => node,
    introductionToken: needs.settings.introductionToken,
    clock,
    random,
    report,
    connected: (connection) => {
      reporter.use(connection);
      servers.use(connection);
      if (connection !== undefined) registrar.lookAgain("nomad");
      books.use(connection);
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
    serversChanged: () => session.serversChanged(),
    statistics: () => ({
      ...statistics(herd),
      ...registrar.statistics(),
      allocations_with_checks: checks.size,
      proxies: proxies.size,
      proxies_ready: proxies.readyCount,
      ...books.statistics(),
      allocations_taking_turns: [...herd.runners.values()].filter((runner) => runner.takesTurn).length,
      waiting_for_servers: servers.waiting,
    }),
    close: async ({ stopTasks }) => {
      watch.close();
      surroundings.close();
      collector.close();
      settling.close();
      solitude.close();
      if (stopTasks) {
        const stopped = await herd.stopAll();
        // A last word to the servers, if they listen.
        await Promise.race([reporter.flushed(), clock.sleep(500)]);
        await Promise.all(stopped.map((runner) => herd.remove(runner)));
      }
      registrar.close();
      checks.close();
      proxies.close();
      session.close();
      reporter.close();
      herd.detach();
      await books.close();
      await needs.taskLogs.release({ stop: stopTasks });
      store.close();
    },
  };
}

/** Stands in where nobody gave a probe. */
const BLIND: Probe = {
  http: () => Promise.resolve(UNSEEN),
  tcp: () => Promise.resolve(UNSEEN),
};
const UNSEEN = { passing: false, statusCode: 0, output: "this agent has no means to look at services" };

/** Of the tasks that an allocation may have left here. */
function driversOf({ Job: job, TaskGroup: group }: Allocation): readonly string[] {
  return (job?.TaskGroups.find(({ Name }) => Name === group)?.Tasks ?? []).map(({ Driver }) => Driver);
}

function statistics(herd: Herd): Readonly<Record<string, number>> {
  const counts = { entering: 0, running: 0, exiting: 0, over: 0, leaving: 0 };
  for (const runner of herd.runners.values()) counts[runner.phase]++;
  return counts;
}
