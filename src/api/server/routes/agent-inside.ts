/** /v1/agent, what lies deeper: the machine, the schedulers, profiles, reading the configuration again. nomad.md §3.2. */
import { JOB_TYPES } from "#model";
import { NamedError } from "#std";
import { empty, value, type Call, type Context, type Handler } from "../call.ts";
import { accessOf } from "../guard/who.ts";
import { PROFILES, type Profile } from "../facts.ts";
import { badRequest, notFound, serverOnly } from "../refusal.ts";
import { requireThisAgent } from "./agent-meant.ts";

export const readHost: Handler = async (call, context) => {
  requireDebug(context);
  await requireThisAgent(call, context);
  return value({ AgentID: agentId(context), HostData: await context.agent.host() });
};

export const reload: Handler = (_call, context) => {
  context.agent.reload();
  return empty();
};

const ENABLED_SCHEDULERS: readonly string[] = [...JOB_TYPES, "_core"];

export const readSchedulersConfig: Handler = (_call, context) => {
  if (context.server === null) throw serverOnly();
  return value({
    server_id: agentId(context),
    num_schedulers: context.agent.schedulerWorkers,
    enabled_schedulers: ENABLED_SCHEDULERS,
  });
};

/** All workers run in one thread, in turns: none is ahead of the others, so all are given the server's own state. */
export const readSchedulers: Handler = (_call, context) => {
  const { server, agent } = context;
  if (server === null) throw serverOnly();
  const busy = server.statistics()["broker.total_unacked"] ?? 0;
  const paused = context.cluster?.state.snapshot().schedulerConfiguration().PauseEvalBroker === true;
  const schedulers = Array.from({ length: agent.schedulerWorkers }, (_, at) => ({
    id: `${agentId(context)}/${at}`,
    enabled_schedulers: ENABLED_SCHEDULERS,
    started: new Date(agent.startedAtMs).toISOString(),
    status: paused ? "Paused" : "Started",
    workload_status: paused ? "Paused" : at < busy ? "Scheduling" : "WaitingToDequeue",
  }));
  return value({ server_id: agentId(context), schedulers });
};

const PROFILE_SECONDS_MAX = 300;

/** V8's own profiles, which Chromium's tools open; what only Go has is refused with the reason. */
export const readProfile: Handler = async (call, context) => {
  requireDebug(context);
  await requireThisAgent(call, context);
  const profile = profileOf(call);
  const seconds = call.query.whole("seconds", 1, 1);
  if (seconds > PROFILE_SECONDS_MAX) throw badRequest(`Invalid seconds: ${seconds} is more than ${PROFILE_SECONDS_MAX}`);
  const bytes = await context.agent.profile(profile, seconds, call.signal);
  return { kind: "bytes", bytes, contentType: profile === "cmdline" ? "text/plain" : "application/json", headers: {}, meta: {} };
};

const GO_PROFILES: readonly string[] = ["goroutine", "trace", "threadcreate", "block", "mutex", "allocs", "symbol"];

function profileOf(call: Call): Profile {
  const name = call.parameters["profile"] ?? "";
  if (PROFILES.includes(name as Profile)) return name as Profile;
  if (!GO_PROFILES.includes(name)) throw notFound(`Unknown profile ${JSON.stringify(name)}, wanted one of ${PROFILES.join(", ")}`);
  throw new NamedError("API_PROFILE_ABSENT", `Cannot take profile "${name}": this agent runs on Node.js, which has no such thing`, {
    statusCode: 501,
    fix: `Take one of ${PROFILES.join(", ")}.`,
  });
}

/** They show much of the machine, so somebody has to have said yes. */
function requireDebug(context: Context): void {
  // Where there is access control, the token has said it: capabilities.ts.
  if (context.debug === true || accessOf(context) !== undefined) return;
  throw new NamedError("API_DEBUG_OFF", "Permission denied", {
    statusCode: 403,
    fix: "Set enable_debug = true in the agent's configuration.",
  });
}

function agentId(context: Context): string {
  return context.agent.member().Tags["id"] || (context.localNode?.id ?? "") || context.agent.member().Name;
}
