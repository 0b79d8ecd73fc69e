/** The `config` block of an exec task. nomad.md §1.13. */
import { text, texts } from "#model";
import { NamedError } from "#std";
import Type from "typebox";

export const execConfigSchema = Type.Object({
  command: text({ hcl: "command", description: "What to run: a path inside the chroot, or a name looked up in /local and PATH." }),
  args: texts({ hcl: "args" }),
  work_dir: text({ hcl: "work_dir", description: 'Absolute path inside the chroot; default "/".' }),
  pid_mode: text({ hcl: "pid_mode", description: '"private" or "host".' }),
  ipc_mode: text({ hcl: "ipc_mode", description: '"private" or "host".' }),
  cap_add: texts({ hcl: "cap_add" }),
  cap_drop: texts({ hcl: "cap_drop" }),
});

export interface ExecConfig {
  readonly command: string;
  readonly words: readonly string[];
  readonly workDirectory: string;
  readonly hostPids: boolean;
  readonly hostIpc: boolean;
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
}

export interface ExecDefaults {
  readonly pidMode: string;
  readonly ipcMode: string;
}

/** Throws DRIVER_TASK_INVALID for what can never work. */
export function readExecConfig(config: Readonly<Record<string, unknown>>, defaults: ExecDefaults): ExecConfig {
  const command = textOf(config["command"]);
  if (command === "") throw invalid(`Cannot start an exec task: config key "command" is missing, wanted a program`);
  const workDirectory = textOf(config["work_dir"]) || "/";
  if (!workDirectory.startsWith("/"))
    throw invalid(`Cannot use work_dir "${workDirectory}": it is relative, wanted an absolute path inside the chroot`);
  return {
    command,
    words: textsOf(config["args"]),
    workDirectory,
    hostPids: mode("pid_mode", config["pid_mode"], defaults.pidMode) === "host",
    hostIpc: mode("ipc_mode", config["ipc_mode"], defaults.ipcMode) === "host",
    capabilitiesAdded: textsOf(config["cap_add"]),
    capabilitiesDropped: textsOf(config["cap_drop"]),
  };
}

function mode(key: string, value: unknown, otherwise: string): "private" | "host" {
  const word = textOf(value) || otherwise;
  if (word === "private" || word === "host") return word;
  throw invalid(`Cannot use ${key} "${word}": wanted "private" or "host"`);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function invalid(message: string): NamedError {
  return new NamedError("DRIVER_TASK_INVALID", message, { statusCode: 400 });
}
