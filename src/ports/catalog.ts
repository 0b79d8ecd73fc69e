/**
 * Where services are made known so that others find them. Makers: `consulCatalog` (integrations/consul, through the Consul agent
 * beside the node), `memoryCatalog` (integrations/memory, tests); the client makes the servers' own registry into one
 * (client/registration/native-catalog.ts). nomad.md §1.6, §2.8.
 *
 * Contract (test/conformance/catalog):
 * - `register` makes the catalog say exactly what the instance says, also over an older registration of the same id; repeated, nothing
 *   changes, and a check that is passing stays so.
 * - `deregister` of an id that is not there is fine. Afterwards neither the service nor its checks are there.
 * - `owned` answers what this owner registered, also before the agent's last restart, and nothing of anybody else's (F29).
 * - Failures are NamedErrors: CATALOG_UNREACHABLE (try again later), CATALOG_TOKEN_UNKNOWN (the token is gone: get another, F31),
 *   CATALOG_DENIED (the token may not: `fix` says which rule it needs), CATALOG_REFUSED (the instance itself is bad),
 *   CATALOG_CHECK_UNKNOWN (`reportCheck` of one that is not there: its service is to be registered first).
 * - Tokens never stand in an error or a log.
 */
import type { AllocationId, IdentityRequest } from "#model";
import type { CheckInstance, CheckStanding } from "./check.ts";
import type { MeshRegistration } from "./mesh-registration.ts";

/** A service of an allocation as it is to be made known: everything interpolated, its address found. */
export interface ServiceInstance {
  /** `_nomad-task-<allocation>-<task, or group-<group>>-<service>-<port label>` */
  readonly ID: string;
  readonly Provider: "consul" | "nomad";
  readonly Name: string;
  readonly AllocationID: AllocationId;
  /** The task it belongs to; "": its group's. */
  readonly Task: string;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  /** "" where it has none (connect-native and the like without a port). */
  readonly Address: string;
  readonly Port: number;
  /** name → address and port; Consul's own: lan_ipv4, wan_ipv4, … */
  readonly TaggedAddresses: Readonly<Record<string, { readonly Address: string; readonly Port: number }>>;
  readonly Weights: { readonly Passing: number; readonly Warning: number };
  readonly EnableTagOverride: boolean;
  /** "" or Consul's: "api-gateway", "ingress-gateway", … */
  readonly Kind: string;
  /** Its place in the mesh; left out: it has none. */
  readonly Mesh?: MeshRegistration;
  readonly Checks: readonly CheckInstance[];
  /** Whose token it is registered with; undefined: the agent's own. Not part of what the catalog says of it. */
  readonly Identity?: IdentityRequest;
}

export interface Catalog {
  readonly provider: "consul" | "nomad";
  /** Of this owner, as it stands there now: by id, what was registered as far as the catalog can tell. */
  owned(): Promise<ReadonlyMap<string, OwnedService>>;
  /** `token`: a secret; "": the agent's own. */
  register(instance: ServiceInstance, token: string): Promise<void>;
  deregister(id: string, token: string): Promise<void>;
  /** The result of a script check, which the node runs itself. */
  reportCheck(checkId: string, standing: CheckStanding, token: string): Promise<void>;
  /** Of all checks of this owner that the catalog knows, by id; undefined: it runs none, they are the node's to run. */
  checks(): Promise<ReadonlyMap<string, CheckStanding>> | undefined;
}

export interface OwnedService {
  readonly ID: string;
  /** Equal to `catalogDigest(instance)` when it says what the instance says. */
  readonly digest: string;
  readonly checkIds: readonly string[];
}
