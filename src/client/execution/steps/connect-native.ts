/**
 * A task that speaks for itself in the mesh (connect { native = true }) is told where Consul is: CONSUL_HTTP_ADDR (a socket in its allocation, or the
 * agent's own address on the machine's network), CONSUL_HTTP_TOKEN (the service's), and with TLS what to trust and who it is (consul { share_ssl }).
 * What its author says in `env` stands. Its certificate lies in files that are kept fresh (client/mesh/certificate-files.ts).
 *
 * It waits a while for its first certificate, and begins without where Consul gives it none: it may have another token for that, and ask itself.
 * nomad.md §2.1, §2.5 "connect_native".
 */
import assert from "node:assert";
import { meshKindOf, type IdentityRequest, type Service } from "#model";
import type { MeshHttpTls } from "#ports";
import { NamedError } from "#std";
import { interpolate, taskEvents } from "#task";
import { consulIdentity, taskIdentity } from "../../identity/wanted.ts";
import { CertificateFiles } from "../../mesh/certificate-files.ts";
import { HTTP_SOCKET } from "../../mesh/proxy-of.ts";
import { ownMode } from "../../network/request.ts";
import { orAborted } from "../../or-aborted.ts";
import type { Step } from "../../step.ts";
import { describeWaits, WaitTeller } from "../../templates/waiting.ts";
import { acquireToken } from "../acquire-token.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { EnterFailure } from "../failure.ts";
import { addVariables, placeSecret } from "../place-secret.ts";
import { visiblePaths } from "../place.ts";

const NAME = "connect-native";
const CERTIFICATE_WAIT_MS = 20_000;

export const connectNative: Step<ExecutionContext> = {
  name: NAME,
  enter: async (context) => {
    const name = serviceName(context);
    if (name === undefined) return;
    const beside = await Beside.begin(context, NAME);
    try {
      await tell(context, beside, name);
      if (!beside.over) await awaitFirst(context, beside, follow(context, beside, name));
    } catch (thrown) {
      if (!beside.over) throw failure(context, thrown);
    }
  },
  resume: async (context) => {
    const name = serviceName(context);
    if (name !== undefined) follow(context, await Beside.begin(context, NAME), name);
  },
  exit: (context) => Beside.end(context, NAME),
  leave: ({ world, allocation, task }) => {
    if (meshKindOf(task())?.kind === "connect-native") world.lookout.forget(allocation().ID, readerName(task().Name));
  },
};

/** Of a task that speaks for itself. */
function serviceName(context: ExecutionContext): string | undefined {
  const found = meshKindOf(context.task());
  if (found?.kind !== "connect-native") return undefined;
  assert(context.environment !== undefined, "the environment step comes before");
  return interpolate(found.service, context.environment.names);
}

/** Its certificate is the service's, and asked for with the service's token: not as the task's templates ask. No task is called so. */
const readerName = (task: string): string => `${task}/connect`;

/** Where Consul is, and who the task is to it. */
async function tell(context: ExecutionContext, beside: Beside, name: string): Promise<void> {
  const { world, driver, group, task } = context;
  assert(driver !== undefined, "the driver step comes before");
  const { mesh } = world;
  if (mesh === undefined)
    throw new NamedError("MESH_UNSUPPORTED", "Cannot start a service of the mesh: this agent has no Consul", {
      fix: "Add consul { } to its configuration.",
    });
  const paths = visiblePaths(context.allocationDirectory, task().Name, driver.capabilities.isolation);
  const own = ownMode(group()) !== undefined;
  const added: Record<string, string> = { CONSUL_HTTP_ADDR: own ? `unix://${paths.shared}/${HTTP_SOCKET}` : mesh.httpAddress };
  const request = ofService(context, name);
  if (request !== undefined) {
    const token = await acquireToken(context, "Consul", world.consulTokens, request, beside.signal);
    if (token !== "") added["CONSUL_HTTP_TOKEN"] = token;
  }
  const tls = mesh.httpTls();
  if (tls !== undefined) Object.assign(added, await shareTls(context, beside, tls, paths.secrets));
  // Through the socket its name would be none that a certificate holds.
  if (own && mesh.httpAddress.startsWith("https:")) added["CONSUL_TLS_SERVER_NAME"] = hostOf(mesh.httpAddress);
  // The author's own stand.
  const said = task().Env;
  if (!beside.over) addVariables(context, Object.fromEntries(Object.entries(added).filter(([key]) => said[key] === undefined)));
}

async function shareTls(context: ExecutionContext, beside: Beside, tls: MeshHttpTls, secrets: string): Promise<Record<string, string>> {
  const told: Record<string, string> = { CONSUL_HTTP_SSL: "true", CONSUL_HTTP_SSL_VERIFY: String(tls.verify) };
  const files = [
    ["CONSUL_CACERT", "consul_ca.pem", tls.ca],
    ["CONSUL_CLIENT_CERT", "consul_cert.pem", tls.certificate],
    ["CONSUL_CLIENT_KEY", "consul_key.pem", tls.key],
  ] as const;
  for (const [variable, file, text] of files) {
    if (text === "" || beside.over) continue;
    await beside.perform(() => placeSecret(context, `secrets/${file}`, text));
    told[variable] = `${secrets}/${file}`;
  }
  return told;
}

function hostOf(address: string): string {
  return (URL.parse(address)?.hostname ?? "").replace(/^\[(.*)\]$/, "$1");
}

/** Who the service is to Consul; undefined: it has no identity of its own. */
function ofService({ allocation, group, task, environment }: ExecutionContext, name: string): IdentityRequest | undefined {
  const isIt = (each: Service): boolean => interpolate(each.Name, environment?.names ?? new Map()) === name;
  const ofGroup = group().Services.find(isIt);
  const service = ofGroup ?? task().Services.find(isIt);
  if (service?.Identity === undefined || service.Identity === null) return undefined;
  const Workload = { Kind: "service" as const, Service: service.Name, Task: ofGroup === undefined ? task().Name : "" };
  return { AllocationID: allocation().ID, Workload, Identity: service.Identity.Name };
}

/** Keeps the files as Consul has them, until the step's end; the same look at them through every restart. */
function follow(context: ExecutionContext, beside: Beside, name: string): CertificateFiles {
  const { world, allocation, group, task } = context;
  const ofTask = consulIdentity(group(), task());
  const request = ofService(context, name) ?? (ofTask === undefined ? undefined : taskIdentity(allocation(), task(), ofTask));
  const own = task().Env["CONSUL_HTTP_TOKEN"] === undefined ? undefined : context.environment?.variables["CONSUL_HTTP_TOKEN"];
  const reader = world.lookout.reader({
    allocation: allocation(),
    task: readerName(task().Name),
    // Without an identity the agent's own, which registers the service too.
    token: (_system, signal) =>
      own !== undefined || request === undefined ? Promise.resolve(own ?? "") : world.consulTokens.token(request, signal),
    tokenGone: () => {
      if (own === undefined && request !== undefined) world.consulTokens.gone(request);
    },
  });
  const problem = (text: string): void =>
    context.tell(taskEvents.hookFailed(world.clock.nowNs(), NAME, `its certificate could not be written: ${text}`));
  const write = (path: string, text: string): Promise<void> => placeSecret(context, path, text);
  const files = new CertificateFiles({ reader, service: name, clock: world.clock, beside, write, problem });
  files.start();
  return files;
}

async function awaitFirst({ world, tell: say }: ExecutionContext, beside: Beside, files: CertificateFiles): Promise<void> {
  const teller = new WaitTeller(world.clock, (message, details) => say(taskEvents.mesh(world.clock.nowNs(), message, details)));
  const late = Promise.withResolvers<"late">();
  const timer = world.clock.after(CERTIFICATE_WAIT_MS, () => late.resolve("late"));
  const look = (): void => teller.waits(files.waits);
  const unsubscribe = files.subscribe(look);
  look();
  try {
    if ((await orAborted(Promise.race([files.first, late.promise]), beside.signal)) !== "late") return;
    const { message, details } = describeWaits(files.waits);
    say(taskEvents.mesh(world.clock.nowNs(), `Started without its certificate: ${message}`, details));
  } finally {
    unsubscribe();
    timer.cancel();
    teller.stop();
  }
}

function failure({ world }: ExecutionContext, thrown: unknown): unknown {
  if (!(thrown instanceof NamedError) || !["MESH_UNSUPPORTED", "MESH_REFUSED"].includes(thrown.code)) return thrown;
  const problem = `${thrown.message}${thrown.fix === undefined || thrown.fix === "" ? "" : `. ${thrown.fix}`}`;
  return new EnterFailure(taskEvents.setupFailure(world.clock.nowNs(), problem), { problem, hopeless: thrown.code === "MESH_UNSUPPORTED" });
}
