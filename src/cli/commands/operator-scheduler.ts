/** `drover operator scheduler get-config` and `set-config`: nomad.md §4.3, §4.4, §5.2. */
import type { SchedulerConfiguration } from "#model";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError, type FlagTable, type ParsedFlags } from "../flags.ts";
import { noArguments } from "../only-argument.ts";
import { keyValues } from "../render/columns.ts";

export const operatorSchedulerGetConfig: Command = {
  usage: "operator scheduler get-config [options]",
  about: "Shows how the servers schedule.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value } = await api.system.schedulerConfiguration();
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value, flags.text("t"));
      return 0;
    }
    const { SchedulerConfig: configuration } = value;
    const preemption = configuration.PreemptionConfig;
    terminal.print(
      keyValues([
        ["Scheduler Algorithm", configuration.SchedulerAlgorithm],
        ["Memory Oversubscription", String(configuration.MemoryOversubscriptionEnabled)],
        ["Reject Job Registration", String(configuration.RejectJobRegistration)],
        ["Pause Eval Broker", String(configuration.PauseEvalBroker)],
        ["Preemption System Scheduler", String(preemption.SystemSchedulerEnabled)],
        ["Preemption Service Scheduler", String(preemption.ServiceSchedulerEnabled)],
        ["Preemption Batch Scheduler", String(preemption.BatchSchedulerEnabled)],
        ["Preemption SysBatch Scheduler", String(preemption.SysBatchSchedulerEnabled)],
        ["Modify Index", String(configuration.ModifyIndex)],
      ]),
    );
    return 0;
  },
};

const SETTING_FLAGS: FlagTable = {
  "scheduler-algorithm": { kind: "text", value: "binpack|spread", about: "Fill nodes up one after the other, or use them evenly" },
  "memory-oversubscription": { kind: "boolean", about: "Let tasks use memory_max" },
  "reject-job-registration": { kind: "boolean", about: "Refuse new and changed jobs, except by management tokens" },
  "pause-eval-broker": { kind: "boolean", about: "Decide nothing for now; evaluations wait" },
  "preempt-batch-scheduler": { kind: "boolean", about: "Batch jobs may put jobs of lower priority out" },
  "preempt-service-scheduler": { kind: "boolean", about: "Service jobs may" },
  "preempt-sysbatch-scheduler": { kind: "boolean", about: "Sysbatch jobs may" },
  "preempt-system-scheduler": { kind: "boolean", about: "System jobs may" },
};

export const operatorSchedulerSetConfig: Command = {
  usage: "operator scheduler set-config [options]",
  about: "Changes how the servers schedule. What is not named stays as it is.",
  connects: true,
  flags: {
    "check-index": { kind: "whole", value: "index", about: "Only if the stored configuration has this modify index" },
    ...SETTING_FLAGS,
    "node-limit-for-feasibility-checks": {
      kind: "whole",
      value: "count",
      about: "Taken, without effect: every node is looked at here",
    },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value } = await api.system.schedulerConfiguration();
    if (flags.given("node-limit-for-feasibility-checks"))
      terminal.complain("-node-limit-for-feasibility-checks changes nothing: every feasible node is looked at");
    const changed = changedConfiguration(value.SchedulerConfig, flags);
    const enforceIndex = flags.whole("check-index");
    const { value: done } = await api.system.setSchedulerConfiguration(changed, { enforceIndex });
    if (!done.Updated) {
      terminal.complain(
        `Scheduler configuration could not be atomically updated: its modify index is ${value.SchedulerConfig.ModifyIndex}, please try again`,
      );
      return 1;
    }
    terminal.print("Scheduler configuration updated!");
    return 0;
  },
};

/** Pure. Throws UsageError. */
export function changedConfiguration(before: SchedulerConfiguration, flags: ParsedFlags): SchedulerConfiguration {
  const algorithm = flags.text("scheduler-algorithm") ?? before.SchedulerAlgorithm;
  if (algorithm !== "binpack" && algorithm !== "spread")
    throw new UsageError(`invalid value ${JSON.stringify(algorithm)} for flag -scheduler-algorithm: want binpack or spread`);
  const flag = (name: string, now: boolean) => (flags.given(name) ? flags.flag(name) : now);
  const preemption = before.PreemptionConfig;
  return {
    ...before,
    SchedulerAlgorithm: algorithm,
    MemoryOversubscriptionEnabled: flag("memory-oversubscription", before.MemoryOversubscriptionEnabled),
    RejectJobRegistration: flag("reject-job-registration", before.RejectJobRegistration),
    PauseEvalBroker: flag("pause-eval-broker", before.PauseEvalBroker),
    PreemptionConfig: {
      SystemSchedulerEnabled: flag("preempt-system-scheduler", preemption.SystemSchedulerEnabled),
      SysBatchSchedulerEnabled: flag("preempt-sysbatch-scheduler", preemption.SysBatchSchedulerEnabled),
      BatchSchedulerEnabled: flag("preempt-batch-scheduler", preemption.BatchSchedulerEnabled),
      ServiceSchedulerEnabled: flag("preempt-service-scheduler", preemption.ServiceSchedulerEnabled),
    },
  };
}
