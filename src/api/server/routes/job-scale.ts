/** How many of a group there should be: asked and told by people and autoscalers. nomad.md §3.2. */
import { reading } from "../blocking.ts";
import { value, type Handler } from "../call.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { jobIdOf, namespaceOf, sameId } from "./job-of.ts";

export const readScale: Handler = reading(["jobs", "allocations", "deployments", "scaling-events"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("jobs", "allocations", "deployments", "scaling-events");
  return {
    index,
    answer() {
      if (snapshot.job(call.namespace, jobIdOf(call)) === undefined) throw notFound("job not found");
      return value(requireServer(context).scaleStatus(call.namespace, jobIdOf(call)), { index });
    },
  };
});

/** Without a Count only an event is noted: autoscalers say why they did nothing. */
export const scaleJob: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  const target = body.object("Target");
  sameId(call, target?.text("Job") ?? "");
  const Group = target?.text("Group") ?? "";
  if (Group === "") throw badRequest("Cannot scale job: Target.Group is missing, wanted the name of a group");
  const Count = body.maybeWhole("Count") ?? null;
  if (Count !== null && Count < 0) throw badRequest(`Cannot scale group ${JSON.stringify(Group)}: Count is ${Count}, wanted 0 or more`);
  if (Count !== null && body.flag("Error")) throw badRequest("Scaling action should not contain count if error is true");
  const answer = await server.scaleJob(namespaceOf(call), jobIdOf(call), {
    Count,
    Group,
    Message: body.text("Message"),
    Error: body.flag("Error"),
    Meta: body.object("Meta")?.fields ?? {},
    // 0 is what clients send that do not check.
    JobModifyIndex: body.whole("JobModifyIndex") || null,
  });
  return value({ Warnings: "", ...answer, LastContact: 0, KnownLeader: true, NextToken: "" }, { index: answer.Index });
};
