/**
 * A task that speaks for itself in the mesh (connect { native = true }) is told where Consul is: CONSUL_HTTP_ADDR (a socket in its allocation, or the
 * agent's own address on the machine's network), CONSUL_HTTP_TOKEN (the service's), and with TLS what to trust. What its author says in `env` stands.
 * nomad.md §2.1, §2.5 "connect_native".
 */
import assert from "node:assert";
import { meshKindOf } from "#model";
import type { MeshEndpoint } from "#ports";
import { messageOf } from "#std";
import { interpolate, taskEvents } from "#task";
import { HTTP_SOCKET } from "../../mesh/proxy-of.ts";
import { ownMode } from "../../network/request.ts";
import { orAborted } from "../../or-aborted.ts";
import type { Step } from "../../step.ts";
import { acquireToken } from "../acquire-token.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { addVariables, placeSecret } from "../place-secret.ts";
import { visiblePaths } from "../place.ts";

const NAME = "connect-native";
const AUTHORITY_FILE = "secrets/consul_ca.pem";
const ENDPOINT_RETRY_MS = 1_000;

export const connectNative: Step<ExecutionContext> = {
  name: NAME,
  enter: async (context) => {
    const found = meshKindOf(context.task());
    if (found?.kind !== "connect-native") return;
    const { world, environment, driver } = context;
    assert(environment !== undefined && driver !== undefined, "the driver and environment steps come before");
    const beside = await Beside.begin(context, NAME);
    try {
      const name = interpolate(found.service, environment.names);
      const service = [...context.group().Services, ...context.task().Services].find((each) => interpolate(each.Name, environment.names) === name);
      const endpoint = await untilKnown(context, beside);
      const paths = visiblePaths(context.allocationDirectory, context.task().Name, driver.capabilities.isolation);
      const own = ownMode(context.group()) !== undefined;
      const added: Record<string, string> = { CONSUL_HTTP_ADDR: own ? `unix://${paths.shared}/${HTTP_SOCKET}` : endpoint.httpAddress };
      const identity = service?.Identity ?? null;
      if (service !== undefined && identity !== null) {
        const ofGroup = context.group().Services.includes(service);
        const request = {
          AllocationID: context.allocation().ID,
          Workload: { Kind: "service" as const, Service: service.Name, Task: ofGroup ? "" : context.task().Name },
          Identity: identity.Name,
        };
        const token = await acquireToken(context, "Consul", world.consulTokens, request, beside.signal);
        if (token !== "") added["CONSUL_HTTP_TOKEN"] = token;
      }
      if (endpoint.httpAddress.startsWith("https:") && endpoint.ca !== "") {
        await beside.perform(() => placeSecret(context, AUTHORITY_FILE, endpoint.ca));
        added["CONSUL_CACERT"] = `${paths.secrets}/consul_ca.pem`;
        added["CONSUL_HTTP_SSL"] = "true";
      }
      // The author's own stand.
      const said = context.task().Env;
      addVariables(context, Object.fromEntries(Object.entries(added).filter(([key]) => said[key] === undefined)));
    } catch (thrown) {
      if (!beside.over) throw thrown;
    }
  },
  exit: (context) => Beside.end(context, NAME),
};

async function untilKnown({ world, tell }: ExecutionContext, beside: Beside): Promise<MeshEndpoint> {
  for (let told = ""; ; ) {
    let problem = "the Consul agent has no gRPC port open";
    try {
      const endpoint = await orAborted(world.mesh?.endpoint() ?? Promise.resolve(undefined), beside.signal);
      if (endpoint !== undefined) return endpoint;
      if (world.mesh === undefined) problem = "this agent has none";
    } catch (thrown) {
      if (beside.over) throw thrown;
      problem = messageOf(thrown);
    }
    if (told !== problem) tell(taskEvents.mesh(world.clock.nowNs(), `Missing: Consul (waiting for Consul: ${problem})`));
    told = problem;
    await beside.pause(world.clock.sleep(ENDPOINT_RETRY_MS));
    beside.signal.throwIfAborted();
  }
}
