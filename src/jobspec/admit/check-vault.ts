/** `vault` and `secret` blocks: there is a Vault, the task is known to it, and what is read has a name and a path. nomad.md §1.10, §1.12. */
import type { Secret, Task, Vault } from "#model";
import type { Admission } from "./admission.ts";
import { signalProblems } from "./check-templates.ts";
import { type Finding, type Place, problem, taskPlace, warning } from "./finding.ts";
import { hasVaultIdentity } from "./templates.ts";

const CHANGE_MODES = ["noop", "restart", "signal"];
/** It stands in `${secret.<name>.<key>}`. */
const SECRET_NAME = /^[A-Za-z0-9_-]{1,128}$/;
const PROVIDERS = ["nomad", "vault"];

export function* checkVault({ job, context }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    for (const [t, task] of group.Tasks.entries()) {
      const place = taskPlace(job, g, t);
      if (task.Vault !== null) yield* checkBlock(place, task, task.Vault, context.vault !== undefined);
      yield* checkSecrets(place, task);
    }
  }
}

function* checkBlock(place: Place, task: Task, vault: Vault, enabled: boolean): Iterable<Finding> {
  if (!enabled) {
    yield problem(place, "Vault", "Vault not enabled but used in the job: the servers' configuration needs vault { enabled = true }");
    return;
  }
  if (!hasVaultIdentity(task))
    yield problem(
      place,
      "Vault",
      'vault needs an identity: the servers give none (vault { default_identity { aud = ["vault.io"] } }); write identity { name = "vault_default", aud = ["vault.io"] }',
    );
  if (vault.Policies.length > 0)
    yield problem(
      place,
      "Vault.Policies",
      "vault policies come from its role in Vault now: take policies out, and name a role that has them",
    );
  if (vault.Cluster !== "default")
    yield problem(place, "Vault.Cluster", `vault cluster is ${JSON.stringify(vault.Cluster)}: there is one, "default"`);
  if (!CHANGE_MODES.includes(vault.ChangeMode))
    yield problem(place, "Vault.ChangeMode", `vault change_mode is ${JSON.stringify(vault.ChangeMode)}, must be noop, restart or signal`);
  if (vault.ChangeMode === "signal")
    yield* signalProblems(vault.ChangeSignal).map((text) => problem(place, "Vault.ChangeSignal", `vault ${text}`));
  if (!vault.Env && vault.DisableFile && task.Templates.length === 0 && task.Secrets.length === 0)
    yield warning(place, "Vault", "vault has env = false and disable_file = true: the task gets no token, and nothing is read for it");
}

function* checkSecrets(place: Place, task: Task): Iterable<Finding> {
  const seen = new Set<string>();
  for (const [index, secret] of task.Secrets.entries()) {
    const wrong = (field: string, text: string) =>
      problem(place, `Secrets[${index}].${field}`, `secret ${JSON.stringify(secret.Name)}: ${text}`);
    if (!SECRET_NAME.test(secret.Name)) yield wrong("Name", "name must be letters, digits, _ and -, at most 128");
    if (seen.has(secret.Name)) yield wrong("Name", "another secret of the task has the same name");
    seen.add(secret.Name);
    yield* checkProvider(wrong, task, secret);
  }
}

/** As the node reads it: client/templates/secret-things.ts. */
function* checkEngine(wrong: (field: string, text: string) => Finding, { Config, Path }: Secret): Iterable<Finding> {
  const engine = Config["engine"] ?? "kv_v2";
  if (engine !== "kv_v1" && engine !== "kv_v2")
    yield wrong("Config", `engine is ${JSON.stringify(engine)}, must be "kv_v1" or "kv_v2": what other engines make is read by templates`);
  else if (engine === "kv_v2" && Path !== "" && !Path.includes("${") && !/[^/]\/+[^/]/.test(Path))
    yield wrong("Path", `path is ${JSON.stringify(Path)}, must be <mount>/<path>, as "secret/data/app"`);
}

function* checkProvider(wrong: (field: string, text: string) => Finding, task: Task, secret: Secret): Iterable<Finding> {
  const { Provider, Path, Env } = secret;
  if (Provider === "") yield wrong("Provider", 'provider is missing: "nomad" for variables, "vault" for Vault');
  else if (!PROVIDERS.includes(Provider))
    yield wrong("Provider", `provider is ${JSON.stringify(Provider)}, must be nomad or vault: plugins are not supported`);
  if (Path === "")
    yield wrong("Path", `path is missing: for example path = ${Provider === "vault" ? '"secret/data/app"' : '"nomad/jobs/app"'}`);
  else if (/[\0\r\n]/.test(Path)) yield wrong("Path", "path contains a line break or a NUL character");
  if (Provider === "vault") yield* checkEngine(wrong, secret);
  if (Object.keys(Env).length > 0)
    yield wrong("Env", "env is for plugins: the task sees ${secret.<name>.<key>} in its env, config and templates");
  if (Provider === "vault" && task.Vault === null)
    yield wrong("Provider", "it is read with the task's own token of Vault: add a block vault {}");
}
