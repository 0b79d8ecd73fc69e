/** The network namespace of an allocation, as a process of a task enters it. */
import { existsSync } from "node:fs";
import type { TaskNetwork } from "#ports";
import { NamedError } from "#std";
import { findExecutable } from "./executable.ts";

/** Words that enter the namespace and then run the words after them, as the same process. Throws NamedErrors. */
export function enterNamespace(task: string, network: TaskNetwork | undefined): readonly string[] {
  if (network === undefined) return [];
  requireNamespace(task, network);
  const nsenter = findExecutable("nsenter");
  if (nsenter === undefined)
    throw new NamedError(
      "DRIVER_UNHEALTHY",
      `Cannot start task "${task}": nsenter is not on PATH, wanted it to enter the allocation's network`,
      {
        fix: "apt install util-linux",
      },
    );
  if (process.getuid?.() !== 0)
    throw new NamedError(
      "DRIVER_UNHEALTHY",
      `Cannot start task "${task}": the agent does not run as root, wanted it to enter the allocation's network`,
      {
        fix: 'Run the agent as root, or leave the group without a network of its own (network mode "host")',
      },
    );
  return [nsenter, `--net=${network.namespacePath}`, "--"];
}

/** A name without a namespace would be found out by the runtime, in words that help nobody. */
export function requireNamespace(task: string, network: TaskNetwork): void {
  if (existsSync(network.namespacePath)) return;
  throw new NamedError("DRIVER_START_FAILED", `Cannot start task "${task}": network namespace "${network.namespacePath}" is not there`);
}
