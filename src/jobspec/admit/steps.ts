/**
 * Admission, in order. Read it top to bottom: what a job that was sent goes through until it is canonical and known to be good.
 * Changes come first, so that every check sees the job as it would be stored; only the networks are looked at as written too.
 * Reading itself (absent → default, wrong type → finding) has happened before: read.ts.
 */
import { checkTemplate } from "#template";
import type { Step } from "./admission.ts";
import { checkBatch } from "./check-batch.ts";
import { checkGroupNames, checkJobNames } from "./check-names.ts";
import { checkOldDisconnect, checkPolicies } from "./check-policies.ts";
import { checkCounts, checkOversubscription, checkSizes } from "./check-sizes.ts";
import { checkNetworks } from "./check-network.ts";
import { checkTasks } from "./check-tasks.ts";
import { checkPlacement, implyConstraints, normalizeConstraints } from "./constraints.ts";
import { checkTemplates } from "./check-templates.ts";
import { checkVault } from "./check-vault.ts";
import { checkIdentities } from "./check-identities.ts";
import { checkServices } from "./check-services.ts";
import { checkLater } from "./later.ts";
import { checkMesh } from "./mesh/check-connect.ts";
import { exposeChecks } from "./mesh/expose.ts";
import { injectMesh } from "./mesh/inject.ts";
import { settlePolicies } from "./policies.ts";
import { checkPorts, checkWrittenNetworks, gatherPorts } from "./ports.ts";
import { settleServices } from "./services.ts";
import { settleGroups, settleJob } from "./settle.ts";
import { settleTemplates } from "./templates.ts";

export const ADMISSION_STEPS: readonly Step[] = [
  { name: "settle the job", change: settleJob },
  { name: "settle policies", change: ({ job }) => settlePolicies(job) },
  { name: "check disconnect as written", check: checkOldDisconnect },
  { name: "settle groups and tasks", change: settleGroups },
  { name: "check networks as written", check: checkWrittenNetworks },
  { name: "gather ports", change: gatherPorts },
  { name: "settle services", change: settleServices },
  { name: "put the mesh's tasks and ports in", change: injectMesh },
  { name: "expose checks", change: exposeChecks },
  { name: "settle templates and what Vault is asked for", change: settleTemplates },
  { name: "normalize constraints", change: normalizeConstraints },
  { name: "imply constraints", change: implyConstraints },
  { name: "check the job's names", check: checkJobNames },
  { name: "check groups and tasks by name", check: checkGroupNames },
  { name: "check counts", check: checkCounts },
  { name: "check resources and limits", check: checkSizes },
  { name: "check memory oversubscription", check: checkOversubscription },
  { name: "check policies", check: checkPolicies },
  { name: "check batch jobs", check: checkBatch },
  { name: "check what tasks are and do", check: checkTasks },
  { name: "check ports", check: checkPorts },
  { name: "check networks", check: checkNetworks },
  { name: "check the mesh", check: checkMesh },
  { name: "check services", check: checkServices },
  { name: "check templates", check: checkTemplates(checkTemplate) },
  { name: "check vault and secrets", check: checkVault },
  { name: "check identities", check: checkIdentities },
  { name: "check placement", check: checkPlacement },
  { name: "refuse what comes later", check: checkLater },
];
