/** Every place where the kill test lets the agent die, read from the pipelines themselves. */
import { allocationPipeline } from "./allocation/steps/list.ts";
import { taskPipeline } from "./execution/steps/list.ts";
import { killPointsOf } from "./step.ts";

export function clientKillPoints(): readonly string[] {
  return [...killPointsOf(allocationPipeline), ...killPointsOf(taskPipeline)];
}
