/** Identities a task or a service asks for: names that fit file names and variables, somebody they are for, files that stay inside. nomad.md §1.10. */
import { posix } from "node:path";
import { DEFAULT_IDENTITY_AUDIENCE, DEFAULT_IDENTITY_NAME, type Identity, type Task } from "#model";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, problem, taskPlace, warning } from "./finding.ts";

const CHANGE_MODES = ["noop", "restart", "signal"];

export function* checkIdentities({ job }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    for (const [s, service] of group.Services.entries()) {
      if (service.Identity !== null)
        yield* checkServiceIdentity(groupPlace(job, g), `Services[${s}].Identity`, service.Name, service.Identity);
    }
    for (const [t, task] of group.Tasks.entries()) {
      const place = taskPlace(job, g, t);
      yield* checkTask(place, task);
      for (const [s, service] of task.Services.entries()) {
        if (service.Identity !== null) yield* checkServiceIdentity(place, `Services[${s}].Identity`, service.Name, service.Identity);
      }
    }
  }
}

function* checkServiceIdentity(place: Place, field: string, service: string, identity: Identity): Iterable<Finding> {
  const said = `identity of service ${JSON.stringify(service)}`;
  if (identity.Audience.length === 0)
    yield problem(place, `${field}.Audience`, `${said} has no aud: say who it is for, as aud = ["consul.io"]`);
  if (identity.TTL < 0) yield problem(place, `${field}.TTL`, `${said}: ttl is negative`);
}

function* checkTask(place: Place, task: Task): Iterable<Finding> {
  if (task.Identity !== null) yield* checkDefault(place, task.Identity);
  const seen = new Set<string>();
  for (const [index, identity] of task.Identities.entries()) {
    const field = (name: string) => `Identities[${index}].${name}`;
    const said = `identity ${JSON.stringify(identity.Name)}`;
    if (!/^[A-Za-z0-9_-]{1,128}$/.test(identity.Name))
      yield problem(place, field("Name"), `${said}: name must be letters, digits, _ and -, at most 128`);
    if (seen.has(identity.Name)) yield problem(place, field("Name"), `${said} is there twice`);
    seen.add(identity.Name);
    if (identity.Audience.length === 0)
      yield warning(place, field("Audience"), `${said} has no aud, whoever reads it may think it is for him: say who it is for`);
    else if (identity.Audience.length > 1)
      yield warning(place, field("Audience"), `${said} is for ${identity.Audience.length} audiences: each can pass it on to the others`);
    yield* checkOne(place, field, said, identity);
  }
}

/** Its audience is the servers' own API: nobody else is to take it. */
function* checkDefault(place: Place, identity: Identity): Iterable<Finding> {
  const field = (name: string) => `Identity.${name}`;
  const said = `the ${DEFAULT_IDENTITY_NAME} identity`;
  if (identity.Audience.some((each) => each !== DEFAULT_IDENTITY_AUDIENCE))
    yield problem(place, field("Audience"), `${said} is for ${DEFAULT_IDENTITY_AUDIENCE}: for others write identity "name" { aud = … }`);
  yield* checkOne(place, field, said, identity);
}

function* checkOne(place: Place, field: (name: string) => string, said: string, identity: Identity): Iterable<Finding> {
  const mode = identity.ChangeMode || "noop";
  if (!CHANGE_MODES.includes(mode))
    yield problem(place, field("ChangeMode"), `${said}: change_mode is ${JSON.stringify(mode)}, must be noop, restart or signal`);
  if (mode === "signal" && identity.ChangeSignal === "")
    yield problem(place, field("ChangeSignal"), `${said}: change_mode signal needs change_signal, as "SIGHUP"`);
  if (mode !== "signal" && identity.ChangeSignal !== "")
    yield problem(place, field("ChangeSignal"), `${said}: change_signal is for change_mode "signal"`);
  if (identity.TTL < 0) yield problem(place, field("TTL"), `${said}: ttl is negative`);
  if (identity.TTL === 0 && identity.Name !== "" && identity.Name !== DEFAULT_IDENTITY_NAME)
    yield warning(place, field("TTL"), `${said} has no ttl: a copy of it is good for as long as its allocation runs`);
  const file = identity.Filepath;
  if (file !== "" && !file.includes("${") && (posix.isAbsolute(file) || /^\.\.(\/|$)/.test(posix.normalize(file)) || file.includes("\0")))
    yield problem(
      place,
      field("Filepath"),
      `${said}: filepath ${JSON.stringify(file)} leaves the task's directory: name a file in it, as "secrets/token"`,
    );
}
