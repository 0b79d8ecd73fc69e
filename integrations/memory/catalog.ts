/**
 * A catalog in this process, for tests and simulations: it can be lost, be away, be slow, refuse, and forget tokens, as a real one.
 */
import { catalogDigest, type Catalog, type CheckStanding, type OwnedService, type ServiceInstance } from "#ports";
import { NamedError } from "#std";

export interface MemoryCatalog {
  /** As one node's agent sees it. */
  as(owner: string): Catalog;
  /** Every owner's, by id. */
  readonly services: Map<string, { readonly owner: string; readonly instance: ServiceInstance; readonly token: string }>;
  /** By check id; a registration brings its checks with their initial status. */
  readonly standings: Map<string, CheckStanding>;
  /** Everything is forgotten. */
  wipe(): void;
  away: boolean;
  /** Before each answer. */
  delay: () => Promise<void>;
  /** Thrown instead of registering; undefined: registers. */
  refusal: (instance: ServiceInstance) => Error | undefined;
  /** Tokens it does not know (any more). */
  readonly forgotten: Set<string>;
  /** One word a request: "owned", "register <id>", … */
  readonly requests: string[];
}

export function createMemoryCatalog(provider: Catalog["provider"] = "consul"): MemoryCatalog {
  const world: MemoryCatalog = {
    services: new Map(),
    standings: new Map(),
    away: false,
    delay: () => Promise.resolve(),
    refusal: () => undefined,
    forgotten: new Set(),
    requests: [],
    wipe() {
      world.services.clear();
      world.standings.clear();
    },
    as: (owner) => catalogOf(world, provider, owner),
  };
  return world;
}

function catalogOf(world: MemoryCatalog, provider: Catalog["provider"], owner: string): Catalog {
  /** A request takes its time on the way there and on the way back: what is done in between may be lost to whoever asked. */
  async function ask<Answer>(request: string, token: string, perform: () => Answer): Promise<Answer> {
    world.requests.push(request);
    await world.delay();
    if (world.away) throw new NamedError("CATALOG_UNREACHABLE", "Cannot reach the catalog: nobody answers", { statusCode: 503 });
    if (token !== "" && world.forgotten.has(token))
      throw new NamedError("CATALOG_TOKEN_UNKNOWN", "Cannot use the catalog: it does not know the token", { statusCode: 403 });
    const answer = perform();
    await world.delay();
    return answer;
  }
  const remove = (id: string) => {
    for (const check of checksOf(world.services.get(id)?.instance)) world.standings.delete(check.ID);
    world.services.delete(id);
  };
  return {
    provider,
    owned: () =>
      ask("owned", "", () => {
        const mine = [...world.services].filter(([, each]) => each.owner === owner);
        return new Map(mine.map(([id, { instance }]): [string, OwnedService] => [id, owned(instance)]));
      }),
    register: (instance, token) =>
      ask(`register ${instance.ID}`, token, () => {
        const refused = world.refusal(instance);
        if (refused !== undefined) throw refused;
        const kept = new Set(checksOf(instance).map((check) => check.ID));
        for (const check of checksOf(world.services.get(instance.ID)?.instance)) if (!kept.has(check.ID)) world.standings.delete(check.ID);
        world.services.set(instance.ID, { owner, instance: structuredClone(instance), token });
        for (const check of checksOf(instance)) {
          if (!world.standings.has(check.ID)) world.standings.set(check.ID, { status: check.InitialStatus || "critical", output: "" });
        }
      }),
    deregister: (id, token) =>
      ask(`deregister ${id}`, token, () => {
        if (world.services.get(id)?.owner === owner) remove(id);
      }),
    reportCheck: (checkId, standing, token) =>
      ask(`report ${checkId}`, token, () => {
        if (!world.standings.has(checkId))
          throw new NamedError("CATALOG_REFUSED", `Cannot report check "${checkId}": the catalog does not know it`);
        world.standings.set(checkId, { ...standing });
      }),
    checks: () =>
      provider === "nomad"
        ? undefined
        : ask("checks", "", () => {
            const mine = [...world.services.values()].filter((each) => each.owner === owner).flatMap((each) => checksOf(each.instance));
            return new Map(mine.map((check) => [check.ID, world.standings.get(check.ID) as CheckStanding]));
          }),
  };
}

function owned(instance: ServiceInstance): OwnedService {
  return { ID: instance.ID, digest: catalogDigest(instance), checkIds: checksOf(instance).map((check) => check.ID) };
}

/** With its sidecar's, which is registered and goes with it. */
function checksOf(instance: ServiceInstance | undefined): ServiceInstance["Checks"] {
  if (instance === undefined) return [];
  return instance.Mesh?.kind === "sidecar" ? [...instance.Checks, ...instance.Mesh.sidecar.Checks] : instance.Checks;
}
