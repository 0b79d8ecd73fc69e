/** From when a proxy's process runs until it ends it is followed: who waits for it hears when it is ready, and a stale one is started anew (F35). */
import assert from "node:assert";
import { meshKindOf } from "#model";
import { listenersWanted, proxyOf, registrationOf } from "../../mesh/proxy-of.ts";
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";
import { socketOnHost } from "./proxy-bootstrap.ts";

export const proxyFollow: Step<ExecutionContext> = {
  name: "proxy-follow",
  enter: follow,
  resume: follow,
  exit: ({ world, allocation, task }) => {
    if (isProxy(task())) world.proxyBoard.forget(allocation().ID, task().Name);
  },
};

function follow(context: ExecutionContext): void {
  if (!isProxy(context.task())) return;
  const { world, environment } = context;
  assert(environment !== undefined, "the environment step comes before");
  const proxy = proxyOf(context.task(), context.group(), environment.names);
  if (proxy === undefined) return;
  const id = context.allocation().ID;
  // Asked each time: an agent that comes back follows its proxies before it offers their services.
  const registration = (): ReturnType<typeof registrationOf> => {
    const instance = world.registrar.standing(id, proxy.name)?.instance;
    return instance === undefined ? undefined : registrationOf(instance);
  };
  world.proxyBoard.follow({
    allocationId: id,
    task: context.task().Name,
    service: proxy.name,
    kind: KINDS[proxy.kind],
    socketPath: socketOnHost(context),
    get listenersWanted() {
      const known = registration();
      return known === undefined ? 1 : listenersWanted(known.kind, known.proxy);
    },
    replace: (reason) => context.restart(reason),
  });
}

const KINDS = {
  "connect-proxy": "connect-proxy",
  "connect-ingress": "ingress-gateway",
  "connect-terminating": "terminating-gateway",
  "connect-mesh": "mesh-gateway",
  "connect-api": "api-gateway",
} as const;

function isProxy(task: Parameters<typeof meshKindOf>[0]): boolean {
  const kind = meshKindOf(task)?.kind;
  return kind !== undefined && kind !== "connect-native";
}
