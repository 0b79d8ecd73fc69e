/** The `config` block of a raw_exec task. nomad.md §1.13. */
import path from "node:path";
import { freeMap, maybeWhole, text, texts } from "#model";
import { NamedError } from "#std";
import Type from "typebox";
import { findExecutable, isExecutable } from "../process/executable.ts";

export const rawExecConfigSchema = Type.Object({
  command: text({ hcl: "command", description: "What to run: a path, or a name looked up in local/, the task's directory and PATH." }),
  args: texts({ hcl: "args" }),
  work_dir: text({ hcl: "work_dir", description: "Absolute, or relative to the task's directory; default: the task's directory." }),
  oom_score_adj: maybeWhole({ hcl: "oom_score_adj" }),
  denied_envvars: texts({ hcl: "denied_envvars", description: "Names (with * as wildcard) kept out of the task's environment." }),
  cgroup_v1_override: freeMap({ hcl: "cgroup_v1_override" }),
  cgroup_v2_override: text({ hcl: "cgroup_v2_override" }),
});

export interface RawExecConfig {
  readonly command: string;
  readonly words: readonly string[];
  /** "" for the task's directory. */
  readonly workDirectory: string;
  readonly oomScoreAdjust: number | undefined;
  readonly deniedVariables: readonly string[];
  /** v1: controller → group below its tree; the task joins these instead of groups of its own, and is not limited. */
  readonly cgroupsV1: Readonly<Record<string, string>>;
  /** v2: the group it runs below; "" for its own. */
  readonly cgroupV2: string;
}

/** Throws DRIVER_TASK_INVALID for what can never work. */
export function readRawExecConfig(config: Readonly<Record<string, unknown>>): RawExecConfig {
  const command = config["command"];
  if (typeof command !== "string" || command === "")
    throw invalid(`Cannot start a raw_exec task: config key "command" is missing, wanted a program`);
  const adjust = config["oom_score_adj"];
  return {
    command,
    words: textsOf(config["args"]),
    workDirectory: typeof config["work_dir"] === "string" ? config["work_dir"] : "",
    oomScoreAdjust: typeof adjust === "number" ? adjust : undefined,
    deniedVariables: textsOf(config["denied_envvars"]),
    cgroupsV1: overrides(config["cgroup_v1_override"]),
    cgroupV2: typeof config["cgroup_v2_override"] === "string" ? config["cgroup_v2_override"] : "",
  };
}

/** A map, or (as job files may write it) a list of maps. */
function overrides(value: unknown): Record<string, string> {
  const maps: unknown[] = Array.isArray(value) ? value : [value];
  return Object.fromEntries(
    maps
      .flatMap((each) => (each !== null && typeof each === "object" ? Object.entries(each) : []))
      .map(([key, group]) => [key, String(group)]),
  );
}

/** The program's absolute path. */
export function findCommand(command: string, taskDirectory: string, searchPath: string | undefined): string {
  if (path.isAbsolute(command)) {
    if (isExecutable(command)) return command;
    throw missing(command);
  }
  const inTask = [path.join(taskDirectory, "local", command), path.join(taskDirectory, command)].find(isExecutable);
  const found = inTask ?? (command.includes("/") ? undefined : findExecutable(command, searchPath));
  if (found === undefined) throw missing(command);
  return found;
}

/** The environment without the denied names. */
export function allowedEnvironment(environment: Readonly<Record<string, string>>, denied: readonly string[]): Record<string, string> {
  const patterns = denied.map((each) => new RegExp(`^${each.split("*").map(escapePattern).join(".*")}$`));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !patterns.some((pattern) => pattern.test(name))));
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function invalid(message: string): NamedError {
  return new NamedError("DRIVER_TASK_INVALID", message, { statusCode: 400 });
}

/** An artifact or a template may still bring it: trying again can help. */
function missing(command: string): NamedError {
  return new NamedError(
    "DRIVER_COMMAND_MISSING",
    `Cannot find command "${command}": no such executable file in the task's directory or on PATH`,
    {
      statusCode: 400,
    },
  );
}
