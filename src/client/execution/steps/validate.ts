/** What cannot work is refused before anything is made: the user, the `config` block. Trying again would not help. */
import assert from "node:assert";
import { checkConfig } from "#driver";
import { NamedError } from "#std";
import { interpolate, interpolateDeep, taskEvents, type Names } from "#task";
import type { Step } from "../../step.ts";
import { EnterFailure } from "../failure.ts";
import type { ExecutionContext } from "../context.ts";

export const validate: Step<ExecutionContext> = {
  name: "validate",
  enter: (context) => {
    const { driver, environment, world } = context;
    assert(driver !== undefined && environment !== undefined, "the driver and environment steps come before");
    try {
      context.user = interpolate(context.task().User, environment.names);
      requireAllowedUser(context, driver.name);
      setConfig(context, environment.names);
    } catch (thrown) {
      if (!(thrown instanceof NamedError)) throw thrown;
      throw new EnterFailure(taskEvents.failedValidation(world.clock.nowNs(), thrown.message), { problem: thrown.message, hopeless: true });
    }
  },
};

/** The `config` block with these names in it. Throws NamedErrors of the driver's schema, in which values of the job may stand. */
export function setConfig(context: ExecutionContext, names: Names): void {
  const { driver } = context;
  assert(driver !== undefined, "the driver step comes before");
  context.config = checkConfig(driver.name, driver.configSchema, interpolateDeep(context.task().Config, names));
}

function requireAllowedUser({ user, world, task }: ExecutionContext, driver: string): void {
  const { deniedUsers, userCheckedDrivers } = world.settings;
  if (user === "" || !userCheckedDrivers.includes(driver)) return;
  // "0" and "root:wheel" are root by other names.
  const name = user.split(":")[0] as string;
  if (!deniedUsers.includes(name) && !(name === "0" && deniedUsers.includes("root"))) return;
  throw new NamedError(
    "TASK_USER_DENIED",
    `Cannot run task "${task().Name}" as user "${user}": running as this user is disallowed on this node`,
    {
      statusCode: 403,
      fix: "Leave `user` out, name another, or change client options user.denylist",
    },
  );
}
