/**
 * What a service has though its author says nothing: its name, a name for each check, what its checks restart, and where Consul wants to know
 * who registers it, an identity. nomad.md §1.6, §1.10.
 */
import { type Check, gatewayKindOfService, type Identity, isProxyTask, type Job, type Service, type Task, type TaskGroup } from "#model";
import type { AdmissionContext, DefaultIdentity } from "../contract.ts";
import type { Admission } from "./admission.ts";
import { gatewayPortLabel } from "./mesh/gateways.ts";

const GRACE_NS = 1e9;

/** Step: services and their checks. Names may still hold `${NOMAD_…}`, `${attr…}`, `${meta…}`: those are known where the allocation runs. */
export function settleServices({ job, context }: Admission): Job {
  return { ...job, TaskGroups: job.TaskGroups.map((group) => settleGroup(job, group, context)) };
}

function settleGroup(job: Job, group: TaskGroup, context: AdmissionContext): TaskGroup {
  const settle = (service: Service, task: string) => settleService(service, { job: job.Name, group: group.Name, task }, context);
  return {
    ...group,
    Services: group.Services.map((service) => settle(service, "")),
    Tasks: group.Tasks.map((task) => settleTask(task, group, settle, context)),
  };
}

function settleTask(task: Task, group: TaskGroup, settle: (service: Service, task: string) => Service, context: AdmissionContext): Task {
  return {
    ...task,
    Services: task.Services.map((service) => settle(service, task.Name)),
    Identities: withConsulIdentity(task, group, context.consul?.taskIdentity ?? null),
  };
}

interface Owner {
  readonly job: string;
  readonly group: string;
  readonly task: string;
}

function settleService(service: Service, owner: Owner, context: AdmissionContext): Service {
  const base = [owner.job, owner.group, ...(owner.task === "" ? [] : [owner.task])].join("-");
  // A group's service has no task: there the word is "group".
  const task = owner.task || "group";
  const words: Readonly<Record<string, string>> = {
    JOB: owner.job,
    TASKGROUP: owner.group,
    TASK: task,
    BASE: `${owner.job}-${owner.group}-${task}`,
  };
  const name = (service.Name || base).replaceAll(/\$\{(JOB|TASKGROUP|TASK|BASE)\}/g, (_, word: string) => words[word] as string);
  const settled = {
    ...service,
    Name: name,
    PortLabel: service.PortLabel || gatewayPortLabel(gatewayKindOfService(service), name),
    Provider: service.Provider || "consul",
    AddressMode: service.AddressMode || "auto",
    OnUpdate: service.OnUpdate || "require_healthy",
    // Clients send it empty; a job file is parsed with it.
    Cluster: service.Cluster || "default",
    Checks: service.Checks.map((check) => settleCheck(check, service, name)),
    // Merged into the checks; it stays where it was written for those who read the job.
  };
  return { ...settled, Identity: serviceIdentity(settled, owner.task, context) };
}

function settleCheck(check: Check, service: Service, serviceName: string): Check {
  const outer = service.CheckRestart;
  const inner = check.CheckRestart;
  const merged =
    outer === null && inner === null
      ? null
      : {
          Limit: inner?.Limit || outer?.Limit || 0,
          Grace: inner?.Grace ?? outer?.Grace ?? GRACE_NS,
          IgnoreWarnings: (inner?.IgnoreWarnings ?? false) || (outer?.IgnoreWarnings ?? false),
        };
  return {
    ...check,
    Name: check.Name || `service: ${JSON.stringify(serviceName)} check`,
    OnUpdate: check.OnUpdate || service.OnUpdate || "require_healthy",
    CheckRestart: merged,
  };
}

/** Its own block, or the one the servers give to every service of Consul; in both cases by the name others know it by. */
function serviceIdentity(service: Service, task: string, context: AdmissionContext): Identity | null {
  const given = service.Identity ?? identityFrom(service.Provider === "consul" ? (context.consul?.serviceIdentity ?? null) : null);
  if (given === null) return null;
  const owner = task === "" ? "" : `${task}-`;
  const name = `${service.Provider}-service_${owner}${service.Name}-${service.PortLabel}`;
  return { ...given, ChangeMode: given.ChangeMode || "noop", Name: name, ServiceName: service.Name };
}

const CONSUL_IDENTITY = "consul_default";

/** A task that says it talks to Consul is known there. */
function withConsulIdentity(task: Task, group: TaskGroup, given: DefaultIdentity | null): Task["Identities"] {
  // A proxy is known as the service it stands for.
  if (isProxyTask(task)) return task.Identities;
  const asks = task.Consul !== null || group.Consul !== null;
  if (!asks || given === null || task.Identities.some((each) => each.Name === CONSUL_IDENTITY)) return task.Identities;
  return [...task.Identities, { ...(identityFrom(given) as Identity), Name: CONSUL_IDENTITY }];
}

/** null: the servers give none. */
export function identityFrom(given: DefaultIdentity | null): Identity | null {
  if (given === null) return null;
  return {
    Name: "",
    Audience: [...given.aud],
    ChangeMode: "noop",
    ChangeSignal: "",
    Env: given.env,
    File: given.file,
    Filepath: given.filepath,
    ServiceName: "",
    TTL: given.ttlNs,
    ExtraClaims: { ...given.extraClaims },
  };
}
