/** What an operator does to the whole: collect garbage, set how the servers schedule. */
import { DEFAULT_SCHEDULER_CONFIGURATION, type SchedulerConfiguration } from "#model";
import { reading } from "../blocking.ts";
import type { Body } from "../body.ts";
import { empty, value, type Handler } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { requireServer } from "../require.ts";

export const collectGarbage: Handler = async (_call, context) => {
  await requireServer(context).collectGarbage();
  return empty({ index: context.cluster?.state.index ?? 1 });
};

export const readSchedulerConfiguration: Handler = reading(["scheduler-configuration"], (snapshot) => {
  const index = snapshot.tableIndex("scheduler-configuration");
  return {
    index,
    answer: () =>
      value(
        { SchedulerConfig: snapshot.schedulerConfiguration(), Index: index, LastContact: 0, KnownLeader: true, NextToken: "" },
        { index },
      ),
  };
});

export const writeSchedulerConfiguration: Handler = async (call, context) => {
  const server = requireServer(context);
  const configuration = configurationOf(call.body());
  const cas = call.query.has("cas") ? call.query.whole("cas", 0) : null;
  const answer = await server.setSchedulerConfiguration(configuration, cas);
  return value(answer, { index: answer.Index });
};

function configurationOf(body: Body): SchedulerConfiguration {
  const algorithm = body.text("SchedulerAlgorithm") || DEFAULT_SCHEDULER_CONFIGURATION.SchedulerAlgorithm;
  if (algorithm !== "binpack" && algorithm !== "spread") {
    throw badRequest(`Invalid scheduler algorithm ${JSON.stringify(algorithm)}, wanted "binpack" or "spread"`);
  }
  const preemption = body.object("PreemptionConfig");
  return {
    SchedulerAlgorithm: algorithm,
    PreemptionConfig: {
      SystemSchedulerEnabled: preemption?.flag("SystemSchedulerEnabled") ?? false,
      SysBatchSchedulerEnabled: preemption?.flag("SysBatchSchedulerEnabled") ?? false,
      BatchSchedulerEnabled: preemption?.flag("BatchSchedulerEnabled") ?? false,
      ServiceSchedulerEnabled: preemption?.flag("ServiceSchedulerEnabled") ?? false,
    },
    MemoryOversubscriptionEnabled: body.flag("MemoryOversubscriptionEnabled"),
    RejectJobRegistration: body.flag("RejectJobRegistration"),
    PauseEvalBroker: body.flag("PauseEvalBroker"),
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}
