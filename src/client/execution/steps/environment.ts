/** What the task will find in its environment, and the names its other strings are written with. */
import assert from "node:assert";
import { buildEnvironment } from "#task";
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";
import { visiblePaths } from "../place.ts";

export const environment: Step<ExecutionContext> = {
  name: "environment",
  enter: (context) => {
    context.added = {};
    context.names = new Map();
    context.mounts = [];
    setEnvironment(context);
  },
};

/** With the names that are known, and what steps have put over it. Again when there are more of them. */
export function setEnvironment(context: ExecutionContext): void {
  const { driver, world } = context;
  assert(driver !== undefined, "the driver step comes before");
  const built = buildEnvironment({
    allocation: context.allocation(),
    group: context.group(),
    task: context.task(),
    node: world.node(),
    region: world.settings.region,
    paths: visiblePaths(context.allocationDirectory, context.task().Name, driver.capabilities.isolation),
    host: driver.capabilities.isolation === "image" ? {} : world.settings.hostEnvironment,
    hostDenied: world.settings.hostVariablesDenied,
    further: context.names,
    network: world.networkBook.of(context.allocation().ID),
  });
  context.environment = { ...built, variables: { ...built.variables, ...context.added } };
}
