/** Our makers on a real Consul, and a service to register. */
import { consulConnection, type ConsulConnection } from "#integrations/consul";
import type { AllocationId } from "#model";
import type { CheckInstance, ServiceInstance } from "#ports";
import { aCheckInstance } from "../../conformance/catalog.ts";
import type { RealConsul } from "./consul.ts";
import type { PartOwner } from "./process.ts";

/** `options` wins; without a token: Consul's own. */
export function connectionTo(
  consul: Pick<RealConsul, "httpAddress" | "token">,
  owner: PartOwner,
  options: { readonly address?: string; readonly token?: string; readonly timeoutMs?: number } = {},
): ConsulConnection {
  const connection = consulConnection({
    address: options.address ?? consul.httpAddress,
    token: options.token ?? consul.token ?? "",
    auth: "",
    tls: { caFile: "", certFile: "", keyFile: "", verify: true },
    timeoutMs: options.timeoutMs ?? 5000,
  });
  owner.after(async () => connection.close());
  return connection;
}

/** A web service on `port` with the checks given, or none. */
export function webInstance(id: string, port: number, changes: Partial<ServiceInstance> = {}): ServiceInstance {
  return {
    ID: `_nomad-task-${id}-group-web-web-http`,
    Provider: "consul",
    Name: "web",
    AllocationID: id as AllocationId,
    Task: "",
    Tags: ["blue", "v1"],
    Meta: { team: "herders" },
    Address: "127.0.0.1",
    Port: port,
    TaggedAddresses: {},
    Weights: { Passing: 1, Warning: 1 },
    EnableTagOverride: false,
    Kind: "",
    Checks: [],
    ...changes,
  };
}

export function checkInstance(serviceId: string, name: string, changes: Partial<CheckInstance> = {}): CheckInstance {
  return aCheckInstance(name, {
    ID: `_nomad-check-${serviceId}-${name}`,
    ServiceID: serviceId,
    Name: name,
    Address: "127.0.0.1",
    Task: "",
    IntervalNs: 1e9,
    TimeoutNs: 1e9,
    ...changes,
  });
}

/** Who cleans up after a whole `describe`: what is handed over inside a hook would be gone with the hook. Call it in the describe itself. */
export function suiteOwner(after: (remove: () => Promise<void>) => void): PartOwner {
  const actions: (() => Promise<void>)[] = [];
  after(async () => {
    for (const action of actions.splice(0).toReversed()) await action();
  });
  return { after: (remove) => void actions.push(remove) };
}
