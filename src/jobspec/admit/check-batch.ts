/** Jobs that launch others, and how long a batch may take: periodic, parameterized, max_run_duration. nomad.md §1.2, §1.3, §1.11. */
import { formatDuration, messageOf, parseCron } from "#std";
import type { Job, PeriodicConfig } from "#model";
import type { Admission } from "./admission.ts";
import { type Finding, groupPlace, jobPlace, problem, warning } from "./finding.ts";

const PAYLOADS = ["optional", "required", "forbidden"];

export function* checkBatch({ job }: Admission): Iterable<Finding> {
  const batch = job.Type === "batch" || job.Type === "sysbatch";
  const place = jobPlace(job);
  if (job.Periodic !== null) {
    if (!batch) yield problem(place, "Periodic", `periodic is for batch jobs, this one is ${job.Type}`);
    yield* checkPeriodic(job, job.Periodic);
  }
  if (job.ParameterizedJob !== null) {
    if (!batch) yield problem(place, "ParameterizedJob", `parameterized is for batch jobs, this one is ${job.Type}`);
    yield* checkParameterized(job);
  }
  for (const [g, group] of job.TaskGroups.entries()) {
    const limit = group.MaxRunDuration;
    if (limit < 0) yield problem(groupPlace(job, g), "MaxRunDuration", `max_run_duration is ${formatDuration(limit)}, must be at least 0s`);
    else if (limit > 0 && !batch)
      yield problem(groupPlace(job, g), "MaxRunDuration", `max_run_duration is for batch jobs, this one is ${job.Type}`);
  }
}

function* checkPeriodic(job: Job, periodic: PeriodicConfig): Iterable<Finding> {
  const place = jobPlace(job);
  if (periodic.SpecType !== "cron") {
    yield problem(place, "Periodic.SpecType", `periodic SpecType is ${JSON.stringify(periodic.SpecType)}, must be "cron"`);
    return;
  }
  if (periodic.Spec !== "" && periodic.Specs.length > 0) {
    yield problem(place, "Periodic.Spec", "periodic has cron and crons: keep crons");
  } else if (periodic.Spec !== "") {
    yield warning(place, "Periodic.Spec", "periodic cron is deprecated: write crons, a list");
  }
  if (periodic.Spec === "" && periodic.Specs.length === 0) yield problem(place, "Periodic", "periodic has no crons: say when it runs");
  const zone = faultOf("* * * * *", periodic.TimeZone);
  if (zone !== undefined) yield problem(place, "Periodic.TimeZone", `periodic time_zone: ${zone}`);
  const expressions: readonly (readonly [field: string, expression: string])[] = [
    ...(periodic.Spec === "" ? [] : [["Periodic.Spec", periodic.Spec] as const]),
    ...periodic.Specs.map((each) => ["Periodic.Specs", each] as const),
  ];
  for (const [field, expression] of expressions) {
    const fault = faultOf(expression, "UTC");
    if (fault !== undefined) yield problem(place, field, `periodic: ${fault}`);
  }
}

function faultOf(expression: string, zone: string): string | undefined {
  try {
    parseCron(expression, zone);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

function* checkParameterized(job: Job): Iterable<Finding> {
  const place = jobPlace(job);
  const { Payload, MetaRequired, MetaOptional } = job.ParameterizedJob as NonNullable<Job["ParameterizedJob"]>;
  if (!PAYLOADS.includes(Payload)) {
    const text = `parameterized payload is ${JSON.stringify(Payload)}, must be optional, required or forbidden`;
    yield problem(place, "ParameterizedJob.Payload", text);
  }
  const both = MetaRequired.filter((key) => MetaOptional.includes(key));
  if (both.length > 0)
    yield problem(
      place,
      "ParameterizedJob.MetaOptional",
      `parameterized meta ${both.join(", ")} is required and optional: keep it in one list`,
    );
  for (const [field, keys] of [["MetaRequired", MetaRequired] as const, ["MetaOptional", MetaOptional] as const]) {
    if (new Set(keys).size < keys.length) yield problem(place, `ParameterizedJob.${field}`, "parameterized: a meta key is named twice");
    if (keys.includes("")) yield problem(place, `ParameterizedJob.${field}`, "parameterized: a meta key is empty");
  }
}
