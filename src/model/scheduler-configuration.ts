/** How the servers schedule; GET/PUT /v1/operator/scheduler/configuration. nomad.md §5.2. */
export interface SchedulerConfiguration {
  readonly SchedulerAlgorithm: "binpack" | "spread";
  readonly PreemptionConfig: {
    readonly SystemSchedulerEnabled: boolean;
    readonly SysBatchSchedulerEnabled: boolean;
    readonly BatchSchedulerEnabled: boolean;
    readonly ServiceSchedulerEnabled: boolean;
  };
  readonly MemoryOversubscriptionEnabled: boolean;
  readonly RejectJobRegistration: boolean;
  readonly PauseEvalBroker: boolean;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}
export const DEFAULT_SCHEDULER_CONFIGURATION: SchedulerConfiguration = {
  SchedulerAlgorithm: "binpack",
  PreemptionConfig: {
    SystemSchedulerEnabled: true,
    SysBatchSchedulerEnabled: false,
    BatchSchedulerEnabled: false,
    ServiceSchedulerEnabled: false,
  },
  MemoryOversubscriptionEnabled: false,
  RejectJobRegistration: false,
  PauseEvalBroker: false,
  CreateIndex: 0,
  ModifyIndex: 0,
};
