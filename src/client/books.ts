/**
 * Who the workloads here are, and what their templates look at: signed identities, the tokens they are traded for, and things that are watched.
 * Made together, taken up together after a restart, and closed in their order: leases are given back with the tokens they were made with.
 */
import type { Allocation, AllocationId, IdentityRequest, Task } from "#model";
import type { LinkConnection, ServicesChanged } from "#ports";
import type { Renderer } from "#template";
import type { Servers } from "./contract.ts";
import { SignedIdentities } from "./identity/book.ts";
import { fileThings } from "./lookout/file-source.ts";
import { ThingLookout } from "./lookout/lookout.ts";
import { NomadServices } from "./lookout/nomad-services.ts";
import { nomadThings } from "./lookout/nomad-source.ts";
import type { ClientNeeds } from "./needs.ts";
import { followingServices } from "./node/following.ts";
import { SealedFacts, type FactStore } from "./sealed-facts.ts";
import { WorkloadTokens } from "./tokens/book.ts";
import type { ClientWorld } from "./world.ts";

export interface Books extends Pick<ClientWorld, "secrets" | "renderer"> {
  readonly identities: SignedIdentities;
  readonly consulTokens: WorkloadTokens;
  readonly vaultTokens: WorkloadTokens;
  readonly lookout: ThingLookout;
  /** Those of allocations that live are taken up, the others given back. Once, before anything else. */
  restore(living: ReadonlySet<AllocationId>): void;
  /** Whom to ask now. */
  use(connection: LinkConnection | undefined): void;
  servicesChanged(change: ServicesChanged): void;
  statistics(): Readonly<Record<string, number>>;
  /** The store may be closed after. */
  close(): Promise<void>;
}

export function openBooks(needs: ClientNeeds, servers: Servers, allocation: (id: AllocationId) => Allocation | undefined): Books {
  const { store, clock, random, report, settings } = needs;
  const identities = new SignedIdentities({ servers, clock, random, report });
  const lost = (count: number) =>
    report({
      level: "warn",
      message: "the node's sealing key is another one than before: tokens and leases from then run out by themselves",
      fields: { lost: count },
    });
  const secrets: FactStore = needs.sealingKey === undefined ? store : new SealedFacts({ store, key: needs.sealingKey, lost });
  const book = { identities, store: secrets, clock, random, report };
  const consulTokens = new WorkloadTokens({ ...book, system: "Consul", prefix: "consul-token/", exchange: needs.tokenExchange });
  const vaultTokens = new WorkloadTokens({
    ...book,
    system: "Vault",
    prefix: "vault-token/",
    exchange: needs.vaultTokenExchange,
    mayRunOut: (request) => taskOf(allocation(request.AllocationID), request)?.Vault?.AllowTokenExpiration === true,
  });
  const following = followingServices(needs.servicesChanged !== undefined);
  const services = new NomadServices();
  const lookout = new ThingLookout({
    sources: [
      ...(needs.thingSources ?? []),
      nomadThings({ servers, services, clock, followServices: () => following.begin() }),
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
  for (const [system, each] of [
    ["consul", consulTokens],
    ["vault", vaultTokens],
  ] as const) {
    each.subscribe(({ AllocationID, Workload }) => {
      if (Workload.Kind === "task") lookout.tokenReplaced(AllocationID, Workload.Task, system);
    });
  }
  const renderer = onceMade(needs.renderer);
  return {
    identities,
    secrets,
    consulTokens,
    vaultTokens,
    lookout,
    renderer: renderer.get,
    restore: (living) => {
      consulTokens.restore(living);
      vaultTokens.restore(living);
      lookout.restore(living);
    },
    use: (connection) => following.on(connection),
    servicesChanged: (change) => services.accept(change),
    statistics: () => ({
      allocations_with_identities: identities.counts.allocations,
      allocations_with_consul_tokens: consulTokens.counts.allocations,
      consul_tokens: consulTokens.counts.held,
      consul_tokens_returning: consulTokens.counts.returning,
      vault_tokens: vaultTokens.counts.held,
      vault_tokens_returning: vaultTokens.counts.returning,
      template_things: lookout.counts.things,
      template_readers: lookout.counts.readers,
      template_reads: lookout.counts.reads,
      template_leases: lookout.counts.leases,
      template_leases_returning: lookout.counts.returning,
      waiting_for_identities: identities.counts.waiting,
    }),
    close: async () => {
      await lookout.close();
      await Promise.all([consulTokens.close(), vaultTokens.close()]);
      await renderer.close();
      identities.close();
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
