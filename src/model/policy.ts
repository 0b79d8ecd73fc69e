/**
 * Policies of a group: restart, reschedule, update, migrate, disconnect, ephemeral disk. nomad.md §1.4.
 * Defaults that depend on the job's type are not here but in jobspec/admit; until then the fields are null.
 */
import Type, { type Static } from "typebox";
import { duration, flag, maybeDuration, maybeFlag, maybeText, maybeWhole, text, whole } from "./field.ts";

export const RestartPolicy = Type.Object({
  Attempts: maybeWhole({ hcl: "attempts" }),
  Interval: maybeDuration({ hcl: "interval" }),
  Delay: maybeDuration({ hcl: "delay" }),
  /** fail | delay */
  Mode: maybeText({ hcl: "mode" }),
  RenderTemplates: maybeFlag({ hcl: "render_templates", change: "destroy" }),
});
export type RestartPolicy = Static<typeof RestartPolicy>;

export const ReschedulePolicy = Type.Object({
  Attempts: maybeWhole({ hcl: "attempts" }),
  Interval: maybeDuration({ hcl: "interval" }),
  Delay: maybeDuration({ hcl: "delay" }),
  /** constant | exponential | fibonacci */
  DelayFunction: maybeText({ hcl: "delay_function" }),
  MaxDelay: maybeDuration({ hcl: "max_delay" }),
  Unlimited: maybeFlag({ hcl: "unlimited" }),
});
export type ReschedulePolicy = Static<typeof ReschedulePolicy>;

export const UpdateStrategy = Type.Object({
  Stagger: maybeDuration({ hcl: "stagger" }),
  MaxParallel: maybeWhole({ hcl: "max_parallel" }),
  /** checks | task_states | manual */
  HealthCheck: maybeText({ hcl: "health_check" }),
  MinHealthyTime: maybeDuration({ hcl: "min_healthy_time" }),
  HealthyDeadline: maybeDuration({ hcl: "healthy_deadline" }),
  ProgressDeadline: maybeDuration({ hcl: "progress_deadline" }),
  Canary: maybeWhole({ hcl: "canary" }),
  AutoRevert: maybeFlag({ hcl: "auto_revert" }),
  AutoPromote: maybeFlag({ hcl: "auto_promote" }),
});
export type UpdateStrategy = Static<typeof UpdateStrategy>;

export const MigrateStrategy = Type.Object({
  MaxParallel: maybeWhole({ hcl: "max_parallel" }),
  HealthCheck: maybeText({ hcl: "health_check" }),
  MinHealthyTime: maybeDuration({ hcl: "min_healthy_time" }),
  HealthyDeadline: maybeDuration({ hcl: "healthy_deadline" }),
});
export type MigrateStrategy = Static<typeof MigrateStrategy>;

export const DisconnectStrategy = Type.Object({
  LostAfter: maybeDuration({ hcl: "lost_after" }),
  StopOnClientAfter: maybeDuration({ hcl: "stop_on_client_after" }),
  Replace: maybeFlag({ hcl: "replace" }),
  /** best_score | keep_original | keep_replacement | longest_running */
  Reconcile: text({ hcl: "reconcile", default: "best_score" }),
});
export type DisconnectStrategy = Static<typeof DisconnectStrategy>;

export const EphemeralDisk = Type.Object({
  Sticky: flag({ hcl: "sticky", change: "destroy" }),
  Migrate: flag({ hcl: "migrate", change: "destroy" }),
  SizeMB: whole({ hcl: "size", default: 300, change: "destroy" }),
});
export type EphemeralDisk = Static<typeof EphemeralDisk>;

export const Scaling = Type.Object({
  Name: text(),
  ID: text({ hidden: true }),
  Type: text(),
  Min: maybeWhole({ hcl: "min" }),
  Max: maybeWhole({ hcl: "max" }),
  Enabled: maybeFlag({ hcl: "enabled" }),
  Policy: Type.Record(Type.String(), Type.Unknown(), { default: {}, hcl: "policy", form: "free" }),
});
export type Scaling = Static<typeof Scaling>;

export const PeriodicConfig = Type.Object({
  Enabled: flag({ hcl: "enabled", default: true }),
  Spec: text({ hcl: "cron" }),
  Specs: Type.Array(Type.String(), { default: [], hcl: "crons", form: "attribute" }),
  SpecType: text({ default: "cron" }),
  ProhibitOverlap: flag({ hcl: "prohibit_overlap" }),
  TimeZone: text({ hcl: "time_zone", default: "UTC" }),
});
export type PeriodicConfig = Static<typeof PeriodicConfig>;

export const ParameterizedJob = Type.Object({
  Payload: text({ hcl: "payload", default: "optional" }),
  MetaRequired: Type.Array(Type.String(), { default: [], hcl: "meta_required", form: "attribute" }),
  MetaOptional: Type.Array(Type.String(), { default: [], hcl: "meta_optional", form: "attribute" }),
});
export type ParameterizedJob = Static<typeof ParameterizedJob>;

export const Lifecycle = Type.Object({
  /** prestart | poststart | poststop */
  Hook: text({ hcl: "hook", change: "destroy" }),
  Sidecar: flag({ hcl: "sidecar", change: "destroy" }),
});
export type Lifecycle = Static<typeof Lifecycle>;

export const LogConfig = Type.Object({
  MaxFiles: whole({ hcl: "max_files", default: 10 }),
  MaxFileSizeMB: whole({ hcl: "max_file_size", default: 10 }),
  Disabled: flag({ hcl: "disabled", change: "destroy" }),
});
export type LogConfig = Static<typeof LogConfig>;

export const DispatchPayload = Type.Object({ File: text({ hcl: "file" }) });
export const MaxRunDuration = () => duration({ hcl: "max_run_duration" });
