/** A commit told aloud, a line for each record: what to read when a seed fails. */
import type { Allocation, Deployment, Evaluation } from "#model";
import type { Change } from "#state";

export function commitLines({ index, command, outcome, ...change }: Change): string[] {
  return [
    `    ${index} ${command.type}${outcome.ok ? "" : ` refused: ${outcome.reason}`}`,
    ...change.jobs.map((job) => `      job ${job.ID} ${job.Type} version ${job.Version} ${job.Status}${job.Stop ? " stopped" : ""}`),
    ...change.nodes.map(
      (node) => `      node ${node.Name} ${node.Status} ${node.SchedulingEligibility}${node.DrainStrategy === null ? "" : " draining"}`,
    ),
    ...change.evaluations.map((evaluation) => `      evaluation ${evaluationWords(evaluation)}`),
    ...change.deployments.map((deployment) => `      deployment ${deploymentWords(deployment)}`),
    ...change.allocations.map((allocation) => `      allocation ${allocationWords(allocation)}`),
  ];
}

const short = (id: string): string => id.slice(0, 8);

function evaluationWords({ ID, JobID, TriggeredBy, Status, WaitUntil }: Evaluation): string {
  return `${short(ID)} of ${JobID} ${TriggeredBy} ${Status}${WaitUntil === null ? "" : ` until ${WaitUntil.slice(11, 23)}`}`;
}

function deploymentWords({ ID, JobID, JobVersion, Status, TaskGroups }: Deployment): string {
  const groups = Object.values(TaskGroups).map((group) => {
    const canaries = group.DesiredCanaries === 0 ? "" : `, ${group.PlacedCanaries.length}/${group.DesiredCanaries} canaries`;
    const by = group.RequireProgressBy === null ? "" : ` by ${group.RequireProgressBy.slice(11, 23)}`;
    return `${group.HealthyAllocs}/${group.DesiredTotal} of ${group.PlacedAllocs} healthy${canaries}${group.Promoted ? " promoted" : ""}${by}`;
  });
  return `${short(ID)} of ${JobID} version ${JobVersion} ${Status}: ${groups.join("; ")}`;
}

function allocationWords(allocation: Allocation): string {
  const { ID, Name, JobVersion, NodeName, DesiredStatus, DesiredDescription, ClientStatus, DeploymentStatus } = allocation;
  const verdict = DeploymentStatus?.Healthy === true ? " healthy" : DeploymentStatus?.Healthy === false ? " unhealthy" : "";
  const said = DesiredStatus === "run" ? "" : ` (${DesiredDescription})`;
  const more = [
    DeploymentStatus?.Canary === true ? "canary" : "",
    allocation.DeploymentID === "" ? "" : `of ${short(allocation.DeploymentID)}`,
    allocation.PreviousAllocation === "" ? "" : `after ${short(allocation.PreviousAllocation)}`,
    allocation.NextAllocation === "" ? "" : `before ${short(allocation.NextAllocation)}`,
    allocation.FollowupEvalID === "" ? "" : `followed up by ${short(allocation.FollowupEvalID)}`,
    allocation.AllocStates.map(({ Value }) => Value).join(" "),
  ].filter((each) => each !== "");
  return `${short(ID)} ${Name} version ${JobVersion} on ${NodeName}: ${DesiredStatus}${said}, ${ClientStatus}${verdict}; ${more.join(", ")}`;
}
