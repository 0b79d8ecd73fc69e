/** A deployment as job status, deployment status and the monitor show it. nomad.md §4.4 (deployment list/status). */
import type { Deployment, DeploymentGroup } from "#model";
import type { Palette } from "./colour.ts";
import { keyValues, table } from "./columns.ts";
import { localRfc3339 } from "./time.ts";

export interface DeploymentStyle {
  readonly verbose: boolean;
  readonly colours: Palette;
}

/** The whole of it; `ofJob` false: the job is told already. */
export function deploymentText(deployment: Deployment, style: DeploymentStyle & { readonly ofJob: boolean }): string {
  const facts = keyValues([
    ["ID", style.verbose ? deployment.ID : deployment.ID.slice(0, 8)],
    ...(style.ofJob
      ? ([
          ["Job ID", deployment.JobID],
          ["Job Version", String(deployment.JobVersion)],
        ] as const)
      : []),
    ["Status", paintDeployment(deployment.Status, style.colours)],
    ["Description", deployment.StatusDescription],
  ]);
  const groups = deployedTable(deployment.TaskGroups);
  return groups === "" ? facts : `${facts}\n\n${style.colours.bold("Deployed")}\n${groups}`;
}

/** A column nobody uses is left out. */
export function deployedTable(groups: Deployment["TaskGroups"]): string {
  const all = Object.entries(groups).toSorted(([left], [right]) => (left < right ? -1 : 1));
  if (all.length === 0) return "";
  const any = (test: (group: DeploymentGroup) => boolean) => all.some(([, group]) => test(group));
  const [reverts, canaries, deadlines] = [
    any((group) => group.AutoRevert),
    any((group) => group.DesiredCanaries > 0),
    any((group) => group.RequireProgressBy !== null),
  ];
  const cells = (
    name: string,
    revert: string,
    promoted: string,
    desired: string,
    canary: string,
    counts: readonly string[],
    deadline: string,
  ) => [
    name,
    ...(reverts ? [revert] : []),
    ...(canaries ? [promoted] : []),
    desired,
    ...(canaries ? [canary] : []),
    ...counts,
    ...(deadlines ? [deadline] : []),
  ];
  return table([
    cells("Task Group", "Auto Revert", "Promoted", "Desired", "Canaries", ["Placed", "Healthy", "Unhealthy"], "Progress Deadline"),
    ...all.map(([name, group]) =>
      cells(
        name,
        String(group.AutoRevert),
        group.DesiredCanaries > 0 ? String(group.Promoted) : "N/A",
        String(group.DesiredTotal),
        group.DesiredCanaries > 0 ? String(group.DesiredCanaries) : "N/A",
        [group.PlacedAllocs, group.HealthyAllocs, group.UnhealthyAllocs].map(String),
        group.RequireProgressBy === null ? "N/A" : localRfc3339(new Date(group.RequireProgressBy)),
      ),
    ),
  ]);
}

/** As deployment list and job deployments print it. */
export function deploymentTable(all: readonly Deployment[], style: { readonly verbose: boolean; readonly namespaces: boolean }): string {
  if (all.length === 0) return "No deployments found";
  return table([
    ["ID", ...(style.namespaces ? ["Namespace"] : []), "Job ID", "Job Version", "Status", "Description"],
    ...all.map((each) => [
      style.verbose ? each.ID : each.ID.slice(0, 8),
      ...(style.namespaces ? [each.Namespace] : []),
      each.JobID,
      String(each.JobVersion),
      each.Status,
      each.StatusDescription,
    ]),
  ]);
}

export function paintDeployment(status: string, colours: Palette): string {
  switch (status) {
    case "successful":
      return colours.green(status);
    case "failed":
    case "cancelled":
      return colours.red(status);
    case "paused":
      return colours.yellow(status);
    default:
      return status;
  }
}
