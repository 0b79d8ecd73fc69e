/** A task that is dead for good keeps no secrets: the tmpfs goes though its other files stay readable (F43). */
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";

export const secrets: Step<ExecutionContext> = {
  name: "secrets",
  leave: ({ world, allocationDirectory, task }) => world.disk.removeSecrets(allocationDirectory, task().Name),
};
