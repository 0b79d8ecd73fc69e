/** `drover deployment promote`, `fail`, `pause`, `resume`, `unblock`, and `job promote`: nomad.md §4.3. */
import type { Deployment } from "#model";
import { NamedError } from "#std";
import type { Command, Context } from "../command.ts";
import { UsageError, type FlagTable } from "../flags.ts";
import { followEvaluation, FOLLOW_FLAGS } from "../follow.ts";
import { namedJob } from "../named-job.ts";
import { resolveDeployment } from "../resolve.ts";

const GROUP_FLAGS: FlagTable = {
  group: { kind: "list", value: "group", about: "Promote only this group; may be repeated (default: all groups)" },
};

export const deploymentPromote: Command = {
  usage: "deployment promote [options] <deployment>",
  about: "Says yes to a deployment's canaries: the rest of its groups is updated too.",
  connects: true,
  flags: { ...GROUP_FLAGS, ...FOLLOW_FLAGS },
  run: async (context) => promote(context, await named(context)),
};

export const jobPromote: Command = {
  usage: "job promote [options] <job>",
  about: "Says yes to the canaries of a job's newest deployment: the rest of its groups is updated too.",
  connects: true,
  flags: { ...GROUP_FLAGS, ...FOLLOW_FLAGS },
  async run(context) {
    const { namespace, id } = await namedJob(context);
    const { value: latest } = await context.api.jobs.deployment(id, { namespace });
    if (latest === null) throw new NamedError("DEPLOYMENT_UNKNOWN", `Job ${JSON.stringify(id)} has no deployment to promote`);
    return promote(context, latest);
  },
};

async function promote(context: Context, deployment: Deployment): Promise<number> {
  const groups = context.flags.list("group");
  const { value: answer } = await context.api.deployments.promote(deployment.ID, groups.length === 0 ? null : groups);
  return followEvaluation(context, answer.EvalID, { without: "Nothing to evaluate" });
}

export const deploymentFail: Command = {
  usage: "deployment fail [options] <deployment>",
  about: "Marks a deployment as failed. Groups with auto_revert go back to the last version that was well.",
  connects: true,
  flags: FOLLOW_FLAGS,
  async run(context) {
    const deployment = await named(context);
    const { value: answer } = await context.api.deployments.fail(deployment.ID);
    const reverted = answer.RevertedJobVersion;
    context.terminal.print(
      `Deployment ${JSON.stringify(shown(context, deployment.ID))} failed${reverted === null ? "" : ` and job reverted to version ${reverted}`}`,
    );
    return answer.EvalID === "" ? 0 : followEvaluation(context, answer.EvalID, { without: "", deployment: false });
  },
};

export const deploymentPause: Command = {
  usage: "deployment pause [options] <deployment>",
  about: "Holds a deployment: nothing more is placed for it until it is resumed.",
  connects: true,
  flags: FOLLOW_FLAGS,
  async run(context) {
    const deployment = await named(context);
    const { value: answer } = await context.api.deployments.pause(deployment.ID, true);
    context.terminal.print(`Deployment ${JSON.stringify(shown(context, deployment.ID))} paused`);
    return answer.EvalID === "" ? 0 : followEvaluation(context, answer.EvalID, { without: "", deployment: false });
  },
};

export const deploymentResume: Command = {
  usage: "deployment resume [options] <deployment>",
  about: "Lets a paused deployment go on.",
  connects: true,
  flags: FOLLOW_FLAGS,
  async run(context) {
    const deployment = await named(context);
    const { value: answer } = await context.api.deployments.pause(deployment.ID, false);
    context.terminal.print(`Deployment ${JSON.stringify(shown(context, deployment.ID))} resumed`);
    return followEvaluation(context, answer.EvalID, { without: "Nothing to evaluate" });
  },
};

export const deploymentUnblock: Command = {
  usage: "deployment unblock [options] <deployment>",
  about:
    "Lets a multi-region deployment that waits for other regions go on. There are none: several regions in one job are Nomad Enterprise's.",
  connects: true,
  flags: FOLLOW_FLAGS,
  async run(context) {
    const deployment = await named(context);
    throw new NamedError(
      "ENTERPRISE_ONLY",
      `Cannot unblock deployment ${JSON.stringify(shown(context, deployment.ID))}: only deployments over several regions block, which Nomad Enterprise has and Drover has not`,
    );
  },
};

async function named(context: Context): Promise<Deployment> {
  const typed = context.arguments[0];
  if (typed === undefined || context.arguments.length > 1) throw new UsageError("This command takes one argument: <deployment>");
  return resolveDeployment(context, typed);
}

function shown(context: Context, id: string): string {
  return context.flags.flag("verbose") ? id : id.slice(0, 8);
}
