/** ports/catalog through the Consul agent beside the node: what is registered there lives and dies with that agent's view of the machine. */
import assert from "node:assert/strict";
import type { Catalog, CheckStanding, OwnedService } from "#ports";
import { NamedError } from "#std";
import type { ConsulConnection } from "./connection.ts";
import { ConsulProblem } from "./problem.ts";
import { aliasId } from "./proxy-words.ts";
import {
  ALTERED,
  digestOf,
  OWNER_META,
  registrationsOf,
  serviceOfSidecar,
  sidecarId,
  type ConsulRegistration,
  type ConsulService,
} from "./registration.ts";

export interface ConsulCatalogOptions {
  readonly connection: ConsulConnection;
  /** Whose services these are: the node's id, or an agent's own name for what it is itself. Stays the same over restarts. */
  readonly owner: string;
}

interface ConsulCheckShown {
  readonly CheckID: string;
  readonly ServiceID: string;
  readonly Status: string;
  readonly Output: string;
}

/** All of ours are called so, which keeps the machine's other checks out of every answer. */
const OUR_CHECKS = 'ServiceID matches "^_nomad-"';

export function consulCatalog({ connection, owner }: ConsulCatalogOptions): Catalog {
  assert.match(owner, /^[\w.:-]{1,128}$/, "an owner is written into a filter");
  /** The ids we know to be there; undefined: never looked. Checks do not say whose they are. */
  let known: Set<string> | undefined;
  /** Of these, which have a sidecar of their own there. */
  const besides = new Set<string>();
  /**
   * Of these, whose sidecar is held down by its alias check alone. Consul (1.21) reads every check as critical when it starts, and one that is registered again
   * in that moment is put back to that after it was looked at; for an alias the next look is a minute away.
   */
  const stuck = new Set<string>();
  const isOurs = (serviceId: string): boolean => known?.has(serviceId) === true || known?.has(serviceOfSidecar(serviceId) ?? "") === true;
  const remove = async (id: string, token: string): Promise<void> => {
    try {
      await connection.ask((consul, common) => consul.agent.service.deregister({ ...common, id }), token);
    } catch (thrown) {
      if (!(thrown instanceof ConsulProblem && thrown.status === 404))
        throw catalogError(thrown, `deregister service "${id}"`, 'service_prefix "" { policy = "write" }');
    }
  };

  const removeCheck = async (id: string, token: string): Promise<void> => {
    try {
      await connection.direct("PUT", `/agent/check/deregister/${encodeURIComponent(id)}`, { token });
    } catch (thrown) {
      if (!(thrown instanceof ConsulProblem && thrown.status === 404))
        throw catalogError(thrown, `deregister check "${id}"`, 'service_prefix "" { policy = "write" }');
    }
  };

  const put = async (body: ConsulRegistration, token: string): Promise<void> => {
    // Consul keeps the status of a check that was there before.
    const query = { "replace-existing-checks": "true" };
    try {
      await connection.direct("PUT", "/agent/service/register", { query, body, token });
    } catch (thrown) {
      throw catalogError(thrown, `register service "${body.Name}"`, writeRule(body.Name));
    }
  };

  const shownChecks = async (): Promise<readonly ConsulCheckShown[]> =>
    Object.values(await connection.ask((consul, common) => consul.agent.checks({ ...common, filter: OUR_CHECKS })));

  const owned = async (): Promise<ReadonlyMap<string, OwnedService>> => {
    const before = known;
    const filter = `Meta[${JSON.stringify(OWNER_META)}] == ${JSON.stringify(owner)}`;
    const [services, checks] = await Promise.all([
      connection.ask<Record<string, ConsulService>>((consul, common) => consul.agent.services({ ...common, filter })),
      shownChecks(),
    ]).catch((thrown: unknown) => {
      throw catalogError(thrown, "read the services of this node", LIST_RULE);
    });
    const checkIds = Map.groupBy(checks, (each) => each.ServiceID);
    const withChecks = (service: ConsulService) => ({ service, checkIds: (checkIds.get(service.ID) ?? []).map((each) => each.CheckID) });
    const found = new Map<string, OwnedService>();
    for (const service of Object.values(services)) {
      const parent = service.Kind === "connect-proxy" ? serviceOfSidecar(service.ID) : undefined;
      if (parent !== undefined) besides.add(parent);
      // Left alone, it stands for its service: that is registered with it again, or taken away with it.
      if (parent !== undefined && services[parent] === undefined) found.set(parent, { ID: parent, digest: ALTERED, checkIds: [] });
      if (parent !== undefined) continue;
      const beside = services[sidecarId(service.ID)];
      const standing = { ...withChecks(service), sidecar: beside === undefined ? undefined : withChecks(beside) };
      if (isStuck(service.ID, checkIds)) stuck.add(service.ID);
      else stuck.delete(service.ID);
      found.set(service.ID, {
        ID: service.ID,
        digest: stuck.has(service.ID) ? ALTERED : digestOf(standing),
        checkIds: [...standing.checkIds, ...(standing.sidecar?.checkIds ?? [])],
      });
    }
    await assertNotHidden(connection, before, found);
    known = new Set(found.keys());
    for (const id of besides) if (!found.has(id)) besides.delete(id);
    return found;
  };

  return {
    provider: "consul",
    owned,

    async register(instance, token) {
      const { service, sidecar } = registrationsOf(instance, owner);
      await put(service, token);
      known?.add(instance.ID);
      if (sidecar !== undefined) {
        besides.add(instance.ID);
        // Registered over itself it would keep its status.
        if (stuck.delete(instance.ID)) await removeCheck(aliasId(sidecarId(instance.ID)), token);
        await put(sidecar, token);
        // Consul keeps the sidecar of a service that is registered again without one.
      } else if (besides.delete(instance.ID)) await remove(sidecarId(instance.ID), token);
    },

    async deregister(id, token) {
      // Nobody is led to a proxy whose service is gone.
      if (known === undefined || besides.has(id)) await remove(sidecarId(id), token);
      await remove(id, token);
      known?.delete(id);
      besides.delete(id);
    },

    async reportCheck(checkId, { status, output }, token) {
      try {
        await connection.direct("PUT", `/agent/check/update/${encodeURIComponent(checkId)}`, {
          body: { Status: status, Output: output },
          token,
        });
      } catch (thrown) {
        throw catalogError(thrown, `report check "${checkId}"`, 'service_prefix "" { policy = "write" }');
      }
    },

    async checks() {
      if (known === undefined) await owned();
      const shown = await shownChecks().catch((thrown: unknown) => {
        throw catalogError(thrown, "read the checks of this node", LIST_RULE);
      });
      return new Map(
        shown
          .filter((each) => isOurs(each.ServiceID))
          .map((each): [string, CheckStanding] => [each.CheckID, { status: statusOf(each.Status), output: each.Output }]),
      );
    },
  };
}

/** All is well with the service, and its sidecar is said to be no better than one that is not. */
function isStuck(serviceId: string, checks: ReadonlyMap<string, readonly ConsulCheckShown[]>): boolean {
  const alias = aliasId(sidecarId(serviceId));
  const held = checks.get(sidecarId(serviceId))?.some((each) => each.CheckID === alias && each.Status === "critical") === true;
  return held && (checks.get(serviceId) ?? []).every((each) => each.Status === "passing");
}

const LIST_RULE = 'service_prefix "" { policy = "read" }';
const writeRule = (service: string): string => `service "${service}" { policy = "write" }`;

/** "maintenance" is no standing of ours: nobody is to be sent there. */
function statusOf(status: string): CheckStanding["status"] {
  return status === "passing" || status === "warning" ? status : "critical";
}

/**
 * A token that may not read a service is shown none, without a word: the same as if all were gone. So one that should be there and is not is
 * asked for by name, which tells the two apart.
 */
async function assertNotHidden(
  connection: ConsulConnection,
  before: ReadonlySet<string> | undefined,
  found: ReadonlyMap<string, OwnedService>,
): Promise<void> {
  const missing = [...(before ?? [])].find((id) => !found.has(id));
  if (missing === undefined) return;
  try {
    await connection.direct("GET", `/agent/service/${encodeURIComponent(missing)}`);
  } catch (thrown) {
    if (thrown instanceof ConsulProblem && thrown.status === 404) return;
    throw catalogError(thrown, `read service "${missing}", which this node registered`, LIST_RULE);
  }
}

export function catalogError(thrown: unknown, action: string, rule: string): NamedError {
  const problem = thrown instanceof ConsulProblem ? thrown : new ConsulProblem(0, String(thrown));
  const because = `Cannot ${action}: ${problem.message}`;
  if (problem.tokenUnknown) {
    return new NamedError("CATALOG_TOKEN_UNKNOWN", `Cannot ${action}: Consul does not know the token (any more)`, {
      statusCode: 403,
      fix: "A workload's token is fetched anew by itself; of the agent's own, correct consul { token }.",
    });
  }
  if (problem.status === 404) {
    return new NamedError("CATALOG_CHECK_UNKNOWN", because, { statusCode: 404, fix: "It is there once its service is registered again." });
  }
  if (problem.passes) {
    return new NamedError("CATALOG_UNREACHABLE", because, {
      statusCode: 503,
      fix: problem.fix ?? "It is tried again until Consul answers.",
    });
  }
  if (problem.status === 403 || problem.status === 401) {
    return new NamedError("CATALOG_DENIED", because, { statusCode: 403, fix: `Its token needs a policy with: ${rule}` });
  }
  return new NamedError("CATALOG_REFUSED", because, {
    statusCode: 400,
    fix: problem.fix ?? "Correct what the message names in the job's service block.",
  });
}
