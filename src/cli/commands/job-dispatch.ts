/** `drover job dispatch`: nomad.md §4.2 (exit codes), §4.3. */
import { readFileSync } from "node:fs";
import type { AllocationStub } from "#api/contract";
import type { Job } from "#model";
import { messageOf, NamedError } from "#std";
import { UI_FLAG, tellNoUi } from "../accepted-flags.ts";
import type { Command, Context } from "../command.ts";
import { UsageError } from "../flags.ts";
import { followEvaluation, FOLLOW_FLAGS } from "../follow.ts";
import { jobCalled, type NamedJob } from "../named-job.ts";
import { keyValues } from "../render/columns.ts";
import { localRfc3339 } from "../render/time.ts";

const POLL_WAIT_MS = 5_000;

export const jobDispatch: Command = {
  usage: "job dispatch [options] <parameterized job> [<payload file>]",
  about: `Gives work to a parameterized job: a child of it runs, with a payload from a file ("-": standard input) and meta of its own.
With -wait exit code 0: the child has succeeded; 2: it has failed, or could not be placed; 1: an error.`,
  connects: true,
  flags: {
    meta: { kind: "list", value: "key=value", about: "Meta of the child; may be repeated" },
    "id-prefix-template": { kind: "text", value: "text", about: "Goes into the child's id" },
    "idempotency-token": {
      kind: "text",
      value: "token",
      about: "With the same token the same job runs once, however often it is asked for",
    },
    priority: { kind: "whole", value: "1-100", about: "The child's priority instead of its parent's" },
    wait: { kind: "boolean", about: "Wait until the child has ended" },
    ...FOLLOW_FLAGS,
    ...UI_FLAG,
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const [typed, file] = context.arguments;
    if (typed === undefined || context.arguments.length > 2)
      throw new UsageError("This command takes one or two arguments: <parameterized job> [<payload file>]");
    if (flags.flag("wait") && flags.flag("detach")) throw new UsageError("-wait and -detach cannot both be given");
    const meta = metaOf(flags.list("meta"));
    const payload = file === undefined ? undefined : await readPayload(context, file);
    const parent = await jobCalled(context, typed);
    const priority = flags.whole("priority");
    const { value: answer } = await api.jobs.dispatch(
      parent.id,
      {
        Meta: meta,
        IdPrefixTemplate: flags.text("id-prefix-template") ?? "",
        ...(payload === undefined ? {} : { Payload: payload }),
        ...(priority === undefined ? {} : { Priority: priority }),
      },
      { idempotencyToken: flags.text("idempotency-token") ?? "" },
      { namespace: parent.namespace },
    );
    const placed = answer.EvalID !== "";
    terminal.print(
      keyValues([
        ["Dispatched Job ID", answer.DispatchedJobID],
        ...(placed ? [["Evaluation ID", flags.flag("verbose") ? answer.EvalID : answer.EvalID.slice(0, 8)] as const] : []),
      ]),
    );
    tellNoUi(context);
    if (flags.flag("detach")) return 0;
    if (placed) {
      terminal.print("");
      const code = await followEvaluation(context, answer.EvalID, { without: "" });
      if (code !== 0) return code;
    }
    return flags.flag("wait") ? untilDead(context, { namespace: parent.namespace, id: answer.DispatchedJobID }) : 0;
  },
};

/** `key=value` pairs; the last of two with the same key wins. */
export function metaOf(pairs: readonly string[]): Record<string, string> {
  const meta: [string, string][] = [];
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError(`Error parsing meta value: ${JSON.stringify(pair)}: want key=value`);
    meta.push([pair.slice(0, at), pair.slice(at + 1)]);
  }
  return Object.fromEntries(meta);
}

/** Base64. */
async function readPayload(context: Context, file: string): Promise<string> {
  if (file === "-") return (await context.terminal.readBytes()).toString("base64");
  try {
    return readFileSync(file).toString("base64");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : messageOf(error);
    throw new NamedError("PAYLOAD_UNREADABLE", `Cannot read payload ${JSON.stringify(file)}: ${reason}`, { cause: error });
  }
}

async function untilDead(context: Context, child: NamedJob): Promise<number> {
  const { terminal, api, interrupted, flags } = context;
  const stamp = () => localRfc3339(new Date(context.nowMs()));
  const query = { namespace: child.namespace, signal: interrupted };
  terminal.print(terminal.colours.bold(`==> ${stamp()}: Waiting for job ${JSON.stringify(child.id)} to end`));
  let job: Job;
  let index = 0;
  do {
    interrupted.throwIfAborted();
    const answer = await api.jobs.read(child.id, { ...query, ...(index === 0 ? {} : { index, waitMs: POLL_WAIT_MS }) });
    job = answer.value;
    index = answer.index;
  } while (job.Status !== "dead");
  const { value: allocations } = await api.jobs.allocations(child.id, query);
  const last = lastOfEach(allocations);
  for (const each of last) {
    const id = flags.flag("verbose") ? each.ID : each.ID.slice(0, 8);
    terminal.print(`    ${stamp()}: Allocation ${JSON.stringify(id)} of group ${JSON.stringify(each.TaskGroup)}: ${each.ClientStatus}`);
  }
  const succeeded = !job.Stop && last.length > 0 && last.every((each) => each.ClientStatus === "complete");
  const outcome = succeeded ? "succeeded" : job.Stop ? "was stopped" : "failed";
  terminal.print(terminal.colours.bold(`==> ${stamp()}: Job ${JSON.stringify(child.id)} ${outcome}`));
  return succeeded ? 0 : 2;
}

/** Of each name the newest: those before it were replaced. */
export function lastOfEach<T extends Pick<AllocationStub, "Name" | "CreateIndex">>(allocations: readonly T[]): T[] {
  const last = new Map<string, T>();
  for (const each of allocations.toSorted((left, right) => left.CreateIndex - right.CreateIndex)) last.set(each.Name, each);
  return [...last.values()];
}
