/** What templates and `vault` blocks have though their author says nothing, and the identity a task shows to Vault. nomad.md §1.10. */
import type { Job, Task, Template, Vault } from "#model";
import type { Admission } from "./admission.ts";
import { identityFrom } from "./services.ts";

const SIGNAL_DEFAULT = "SIGHUP";
/** As Nomad names it: auth methods and policies of Vault know it by this. */
const VAULT_IDENTITY = "vault_default";

/** Step: templates, vault blocks and secrets of every task. */
export function settleTemplates({ job, context }: Admission): Job {
  const settleTask = (task: Task): Task => ({
    ...task,
    Templates: task.Templates.map(settleTemplate),
    Vault: task.Vault === null ? null : settleVault(task.Vault),
    Identities: withVaultIdentity(task, context.vault?.defaultIdentity ?? null),
  });
  return { ...job, TaskGroups: job.TaskGroups.map((group) => ({ ...group, Tasks: group.Tasks.map(settleTask) })) };
}

function settleTemplate(template: Template): Template {
  return {
    ...template,
    ...settleChange(template),
    Perms: template.Perms || "0644",
    LeftDelim: template.LeftDelim || "{{",
    RightDelim: template.RightDelim || "}}",
  };
}

function settleVault(vault: Vault): Vault {
  return { ...vault, ...settleChange(vault), Cluster: vault.Cluster || "default" };
}

function settleChange({
  ChangeMode,
  ChangeSignal,
}: Pick<Template, "ChangeMode" | "ChangeSignal">): Pick<Template, "ChangeMode" | "ChangeSignal"> {
  const mode = ChangeMode || "restart";
  return { ChangeMode: mode, ChangeSignal: ChangeSignal.toUpperCase() || (mode === "signal" ? SIGNAL_DEFAULT : "") };
}

/** A task that talks to Vault is known there by an identity: its own of that name, or the one the servers give. */
function withVaultIdentity(task: Task, given: Parameters<typeof identityFrom>[0]): Task["Identities"] {
  const implied = task.Vault === null || hasVaultIdentity(task) ? null : identityFrom(given);
  return implied === null ? task.Identities : [...task.Identities, { ...implied, Name: VAULT_IDENTITY }];
}

export function hasVaultIdentity(task: Task): boolean {
  return task.Identities.some((each) => each.Name === VAULT_IDENTITY);
}
