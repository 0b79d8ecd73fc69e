/**
 * An entry of the log, to bytes and back. Each entry stands alone: nothing is shared between entries, so any of them can be read
 * without the ones before. What is applied is always what was decoded, so a live server and one that replays see the same values.
 *
 *   [format, command version, time, request id, command]
 *
 * plan-apply leaves out the job: only its name and version go into the log.
 */
import type { Packr } from "msgpackr/pack";
import type { AllocationClientUpdate, Job, Plan, PlannedAllocation, PlannedNote, PlannedStop } from "#model";
import { messageOf, NamedError } from "#std";
import { readsVersion } from "./commands/table.ts";
import type { Command, Envelope } from "./contract.ts";
import { createPackr, type PackedOrPlain, packRecords, unpackRecords } from "./packing.ts";

const ENTRY_FORMAT = 1;

/** What stands for the plan's job in the log. */
type JobName = Pick<Job, "Namespace" | "ID" | "Version" | "JobModifyIndex">;

type PlanApply = Extract<Command, { type: "plan-apply" }>;
type ClientUpdate = Extract<Command, { type: "allocations-client-update" }>;

interface WrittenPlan extends Omit<Plan, "Job" | "Stops" | "Placements" | "InPlaceUpdates" | "Notes"> {
  readonly Job: JobName | null;
  readonly Stops: PackedOrPlain;
  readonly Placements: PackedOrPlain;
  readonly InPlaceUpdates: PackedOrPlain;
  /** Absent in version 1. */
  readonly Notes?: PackedOrPlain;
}

export interface Codec {
  encode(envelope: Envelope): Uint8Array;
  /** NamedError STATE_COMMAND_UNKNOWN_VERSION or STATE_ENTRY_UNREADABLE: the server has to halt. */
  decode(bytes: Uint8Array): Envelope;
}

export function createCodec(): Codec {
  const packr = createPackr();
  return {
    encode({ version, time, requestId, command }) {
      // A copy: msgpackr hands out parts of a buffer it goes on writing to.
      return Uint8Array.from(packr.pack([ENTRY_FORMAT, version, time, requestId, toWritten(command)]));
    },
    decode(bytes) {
      const entry = unpack(packr, bytes);
      if (!Array.isArray(entry) || entry.length !== 5) throw unreadable("it is not an entry");
      const [format, version, time, requestId, written] = entry as [unknown, number, number, string, Command];
      if (format !== ENTRY_FORMAT) throw unknownVersion("entry format", format);
      if (typeof written !== "object" || written === null) throw unreadable("it holds no command");
      if (!readsVersion(written.type, version)) throw unknownVersion(`command "${written.type}" version`, version);
      return { version, time, requestId, command: completed(fromWritten(written), version) };
    },
  };
}

function unpack(packr: Packr, bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes as Buffer);
  } catch (thrown) {
    throw unreadable(messageOf(thrown));
  }
}

function unreadable(why: string): NamedError {
  return new NamedError("STATE_ENTRY_UNREADABLE", `Cannot read log entry: ${why}`, { fix: "Restore the data directory from a backup." });
}

export function unknownVersion(what: string, version: unknown): NamedError {
  return new NamedError("STATE_COMMAND_UNKNOWN_VERSION", `Cannot apply log entry: ${what} ${String(version)} is unknown to this program`, {
    fix: "Start the version of drover that wrote this log, or a newer one.",
  });
}

function toWritten(command: Command): unknown {
  if (command.type === "plan-apply") return { ...command, Plan: toWrittenPlan(command.Plan) };
  if (command.type === "allocations-client-update") return { ...command, Updates: packRecords(command.Updates) };
  return command;
}

function toWrittenPlan(plan: Plan): WrittenPlan {
  return {
    ...plan,
    Job:
      plan.Job === null
        ? null
        : {
            Namespace: plan.Job.Namespace,
            ID: plan.Job.ID,
            Version: plan.Job.Version,
            JobModifyIndex: plan.Job.JobModifyIndex,
          },
    Stops: packRecords(plan.Stops),
    Placements: packRecords(plan.Placements.map(withoutJob)),
    InPlaceUpdates: packRecords(plan.InPlaceUpdates.map(withoutJob)),
    Notes: packRecords(plan.Notes),
  };
}

/** A planned allocation has no job; an allocation passed for one would bring it into the log. */
function withoutJob(planned: PlannedAllocation): PlannedAllocation {
  if (!("Job" in planned)) return planned;
  const { Job: _job, ...rest } = planned as PlannedAllocation & { Job: unknown };
  return rest;
}

function fromWritten(written: Command): Command {
  if (written.type === "plan-apply") {
    const plan = written.Plan as unknown as WrittenPlan;
    const Plan = {
      ...plan,
      Stops: unpackRecords<PlannedStop>(plan.Stops),
      Placements: unpackRecords<PlannedAllocation>(plan.Placements),
      InPlaceUpdates: unpackRecords<PlannedAllocation>(plan.InPlaceUpdates),
      Notes: plan.Notes === undefined ? [] : unpackRecords<PlannedNote>(plan.Notes),
    };
    return { ...written, Plan: Plan as unknown as Plan } satisfies PlanApply;
  }
  if (written.type === "allocations-client-update") {
    return {
      ...written,
      Updates: unpackRecords<AllocationClientUpdate>(written.Updates as unknown as PackedOrPlain),
    } satisfies ClientUpdate;
  }
  return written;
}

/** A command of an older version in today's shape: what it lacks was not there to be said. */
function completed(command: Command, version: number): Command {
  if (command.type !== "plan-apply" || version > 1) return command;
  const { Plan: plan } = command;
  const planned = (each: PlannedAllocation): PlannedAllocation => ({ ...each, AllocStates: [] });
  const Plan: Plan = {
    ...plan,
    Stops: plan.Stops.map((stop) => ({ ...stop, PreemptedByAllocation: "" })),
    Placements: plan.Placements.map(planned),
    InPlaceUpdates: plan.InPlaceUpdates.map(planned),
    Deployment: null,
    DeploymentUpdates: [],
  };
  return { ...command, Plan };
}
