/**
 * What the proxy of a service is told at its start: secrets/envoy_bootstrap.json. Waits, for as long as it takes, until the service stands registered,
 * has its token and Consul says where it talks to proxies; says what it waits for, and never fails because of time (F34). The token is the SERVICE's.
 *
 * When that token is replaced the file is written anew and the running proxy is left alone: its stream stands, and whoever has lost his is started
 * anew by the board, with the file as it is then. Traffic is cut for a token never, for a lost stream once. nomad.md §1.7, §2.5 "envoy_bootstrap".
 */
import assert from "node:assert";
import { join } from "node:path";
import type { Mesh, MeshEndpoint, ProxyReport, ServiceInstance } from "#ports";
import { messageOf, NamedError } from "#std";
import { proxyAddresses, taskEvents } from "#task";
import { identityKey } from "../../identity/wanted.ts";
import { BOOTSTRAP_FILE, GRPC_SOCKET, proxyOf, registrationOf, SOCKET_NAME, type ProxyTask } from "../../mesh/proxy-of.ts";
import { ownMode } from "../../network/request.ts";
import { orAborted } from "../../or-aborted.ts";
import type { Step } from "../../step.ts";
import { WaitTeller, waitsFor } from "../../templates/waiting.ts";
import { acquireToken } from "../acquire-token.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { EnterFailure } from "../failure.ts";
import { visiblePaths } from "../place.ts";
import { placeSecret } from "../place-secret.ts";

const NAME = "proxy-bootstrap";
const ENDPOINT_RETRY_MS = 1_000;
const LOOK_AGAIN_MS = 1_000;

export const proxyBootstrap: Step<ExecutionContext> = {
  name: NAME,
  enter: async (context) => {
    const proxy = proxyTaskOf(context);
    if (proxy === undefined) return;
    const beside = await Beside.begin(context, NAME);
    try {
      const instance = await untilRegistered(context, beside, proxy);
      await place(context, beside, proxy, instance);
      showBinary(context, await context.world.proxies?.binary());
      watch(context, beside, proxy, instance);
      context.world.proxyBoard.hindered(context.allocation().ID, context.task().Name, "bootstrap", "");
    } catch (thrown) {
      if (!beside.over) throw failure(context, thrown);
    }
  },
  resume: async (context) => {
    const proxy = proxyTaskOf(context);
    if (proxy === undefined) return;
    const beside = await Beside.begin(context, NAME);
    try {
      watch(context, beside, proxy, await untilRegistered(context, beside, proxy));
    } catch (thrown) {
      if (!beside.over) throw thrown;
    }
  },
  exit: async (context) => {
    await Beside.end(context, NAME);
  },
};

function proxyTaskOf(context: ExecutionContext): ProxyTask | undefined {
  const { environment } = context;
  assert(environment !== undefined, "the environment step comes before");
  return proxyOf(context.task(), context.group(), environment.names);
}

async function untilRegistered(context: ExecutionContext, beside: Beside, proxy: ProxyTask): Promise<ServiceInstance> {
  const { world, allocation } = context;
  const id = allocation().ID;
  const teller = tellerOf(context, beside);
  let changed = Promise.withResolvers<void>();
  const unsubscribe = world.registrar.subscribe((changedId) => {
    if (changedId === id) changed.resolve();
  });
  try {
    for (;;) {
      const standing = world.registrar.standing(id, proxy.name);
      if (standing?.settled === true) return standing.instance;
      const problem = standing === undefined ? "it is not offered yet" : standing.problem || "Consul has not taken it yet";
      hinder(context, teller, "registration", `service "${proxy.name}" in Consul`, problem);
      // Also what nobody tells of: that it came to be offered at all.
      const timer = world.clock.after(LOOK_AGAIN_MS, () => changed.resolve());
      await orAborted(changed.promise, beside.signal).finally(() => timer.cancel());
      changed = Promise.withResolvers<void>();
    }
  } finally {
    unsubscribe();
    teller.stop();
  }
}

/** The file, from what holds now. Repeated: in place of the one before. */
async function place(context: ExecutionContext, beside: Beside, proxy: ProxyTask, instance: ServiceInstance): Promise<void> {
  const { world, driver } = context;
  assert(driver !== undefined, "the driver step comes before");
  const { proxies } = world;
  if (proxies === undefined) throw new NamedError("PROXY_UNSUPPORTED", "Cannot start a proxy: this agent has none");
  const registration = registrationOf(instance);
  if (registration === undefined) throw new NamedError("PROXY_UNKNOWN", `Cannot start a proxy: service "${instance.Name}" has none`);
  const addresses = proxyAddresses(context.allocation().ID, context.group(), (each) => each === proxy.service);
  if (addresses === undefined) throw new NamedError("PROXY_UNKNOWN", `Cannot start a proxy: the group has no service "${proxy.name}"`);
  const { endpoint, defaults } = await untilReachable(context, beside);
  const token =
    instance.Identity === undefined ? "" : await acquireToken(context, "Consul", world.consulTokens, instance.Identity, beside.signal);
  const envoyVersion = (await proxies.binary())?.version ?? "";
  // From here to the file nothing is waited for: no secret is written where none are kept any more (F43).
  if (beside.over) return;
  const paths = visiblePaths(context.allocationDirectory, context.task().Name, driver.capabilities.isolation);
  const own = ownMode(context.group()) !== undefined;
  const text = proxies.bootstrap({
    proxyId: registration.id,
    service: instance.Name,
    kind: registration.kind,
    namespace: "default",
    partition: "default",
    datacenter: endpoint.datacenter,
    nodeName: endpoint.nodeName,
    token,
    grpc: own ? { path: `${paths.shared}/${GRPC_SOCKET}` } : { host: endpoint.host, port: endpoint.port },
    grpcCa: endpoint.tls ? endpoint.ca : "",
    grpcServerName: endpoint.tls ? endpoint.serverName : "",
    ...addresses,
    socketPath: `${paths.secrets}/${SOCKET_NAME}`,
    config: { ...defaults, ...registration.proxy.Config },
    envoyVersion,
  });
  await beside.perform(() => placeSecret(context, BOOTSTRAP_FILE, text));
}

interface Reached {
  readonly endpoint: MeshEndpoint;
  /** Of every proxy. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

async function untilReachable(context: ExecutionContext, beside: Beside): Promise<Reached> {
  const { world } = context;
  const { mesh } = world;
  if (mesh === undefined)
    throw new NamedError("MESH_UNSUPPORTED", "Cannot start a proxy: this agent has no Consul", {
      fix: "Add consul { } to its configuration.",
    });
  const teller = tellerOf(context, beside);
  try {
    for (;;) {
      let problem = 'the Consul agent has no gRPC port open (ports { grpc = 8502 }, or "grpc_tls")';
      try {
        const endpoint = await orAborted(mesh.endpoint(), beside.signal);
        if (endpoint !== undefined) return { endpoint, defaults: await orAborted(defaultsOf(mesh), beside.signal) };
      } catch (thrown) {
        if (beside.over) throw thrown;
        problem = messageOf(thrown);
      }
      hinder(context, teller, "bootstrap", "Consul's gRPC port", problem);
      await beside.pause(world.clock.sleep(ENDPOINT_RETRY_MS));
      beside.signal.throwIfAborted();
    }
  } finally {
    teller.stop();
  }
}

/** Whoever may not read them has none; who cannot reach Consul waits. */
async function defaultsOf(mesh: Mesh): Promise<Reached["defaults"]> {
  try {
    return (await mesh.proxyDefaults?.()) ?? {};
  } catch (thrown) {
    if (thrown instanceof NamedError && thrown.code === "MESH_UNREACHABLE") throw thrown;
    return {};
  }
}

function hinder(context: ExecutionContext, teller: WaitTeller, step: ProxyReport["Step"], what: string, problem: string): void {
  context.world.proxyBoard.hindered(context.allocation().ID, context.task().Name, step, problem);
  teller.say(waitsFor(what, problem));
}

function tellerOf({ world, tell }: ExecutionContext, beside: Beside): WaitTeller {
  return new WaitTeller(world.clock, (message, details) => {
    if (!beside.over) tell(taskEvents.mesh(world.clock.nowNs(), message, details));
  });
}

/** A chroot has no Envoy in it: the node's own is shown there, at its own place. */
function showBinary(context: ExecutionContext, binary: { readonly path: string } | undefined): void {
  const { driver, config } = context;
  if (driver?.capabilities.isolation === "image") return;
  const command = config["command"];
  if (typeof command === "string" && command.includes("${attr.unique.envoy.path}") && binary === undefined)
    throw new NamedError("PROXY_MISSING", "Cannot start a proxy: this node has no Envoy", {
      fix: 'Put an envoy on the PATH of the agent, or name an image in sidecar_task { config { image = "…" } }.',
    });
  if (binary === undefined || command !== binary.path) return;
  const mount = { hostPath: binary.path, taskPath: binary.path, readOnly: true };
  context.mounts = [...context.mounts.filter((each) => each.taskPath !== mount.taskPath), mount];
}

function watch(context: ExecutionContext, beside: Beside, proxy: ProxyTask, instance: ServiceInstance): void {
  const { world } = context;
  const wanted = instance.Identity;
  if (wanted === undefined) return;
  const unsubscribe = world.consulTokens.subscribe((replaced) => {
    if (identityKey(replaced) !== identityKey(wanted)) return;
    place(context, beside, proxy, world.registrar.standing(instance.AllocationID, proxy.name)?.instance ?? instance).catch(
      (thrown: unknown) => {
        if (beside.over) return;
        const problem = `the service's token was replaced, and the proxy's configuration could not be: ${messageOf(thrown)}`;
        context.tell(taskEvents.hookFailed(world.clock.nowNs(), NAME, problem));
      },
    );
  });
  beside.atEnd(unsubscribe);
}

/** Words of the job's that no waiting makes right. */
const HOPELESS = ["PROXY_CONFIG_INVALID", "PROXY_UNSUPPORTED", "PROXY_UNKNOWN", "MESH_UNSUPPORTED"];

function failure(context: ExecutionContext, thrown: unknown): unknown {
  if (!(thrown instanceof NamedError)) return thrown;
  const problem = thrown.fix === undefined || thrown.fix === "" ? thrown.message : `${thrown.message}. ${thrown.fix}`;
  context.world.proxyBoard.hindered(context.allocation().ID, context.task().Name, "bootstrap", problem);
  const hopeless = HOPELESS.includes(thrown.code);
  return new EnterFailure(taskEvents.setupFailure(context.world.clock.nowNs(), problem), { problem, hopeless });
}

/** On the host. */
export function socketOnHost(context: Pick<ExecutionContext, "allocationDirectory" | "task">): string {
  return join(context.allocationDirectory, context.task().Name, "secrets", SOCKET_NAME);
}
