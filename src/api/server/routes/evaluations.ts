/** /v1/evaluations, its count, and /v1/evaluation/:id. */
import type { Evaluation, EvaluationId } from "#model";
import type { Snapshot } from "#state";
import { reading } from "../blocking.ts";
import { list, value, type Call, type Handler } from "../call.ts";
import { compileFilter } from "#std";
import { visible } from "../guard/visible.ts";
import { byCreateIndex, byId } from "../listing/order.ts";
import { inCreationOrder, page } from "../listing/page.ts";
import { collect } from "../listing/slices.ts";
import { badRequest, notFound } from "../refusal.ts";
import { evaluationStub } from "../texts.ts";
import { requireCluster, requireServer } from "../require.ts";
import { stubShape } from "./allocations.ts";

export const listEvaluations: Handler = reading(["evaluations"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("evaluations");
  return {
    index,
    async answer() {
      const { source, keep } = asked(snapshot, call);
      const found =
        call.query.text("prefix") === ""
          ? await page(call, await inCreationOrder<Evaluation>(snapshot, "evaluations", context), byCreateIndex<Evaluation>(), keep)
          : await page(call, source, byId<Evaluation>(), keep);
      return list(found.items, context.texts.evaluation, { index, nextToken: found.nextToken });
    },
  };
});

export const countEvaluations: Handler = reading(["evaluations"], (snapshot, call) => {
  const index = snapshot.tableIndex("evaluations");
  return {
    index,
    async answer() {
      const { source, keep } = asked(snapshot, call);
      const filter = call.query.text("filter");
      const matches = filter === "" ? () => true : compileFilter(filter);
      const { length: Count } = await collect(source, (one) => keep(one) && matches(one));
      return value({ Count, Index: index, LastContact: 0, KnownLeader: true, NextToken: "" }, { index });
    },
  };
});

/** By EvalIDs, or all that a Filter takes. Allowed only while the broker is paused. */
export const deleteEvaluations: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  const ids = body.texts("EvalIDs");
  const filter = body.text("Filter");
  if ((ids.length === 0) === (filter === "")) {
    throw badRequest("evals must be deleted by either ID or filter");
  }
  const found = filter === "" ? ids : await idsOf(await requireCluster(context).read(), filter, call);
  const answer = await server.deleteEvaluations(found as readonly EvaluationId[]);
  return value(answer, { index: answer.Index });
};

async function idsOf(snapshot: Snapshot, filter: string, call: Call): Promise<readonly string[]> {
  const matches = compileFilter(filter);
  const here = (one: Evaluation) => call.namespace === "*" || one.Namespace === call.namespace;
  return (await collect(snapshot.evaluations(), (one) => here(one) && matches(one))).map((one) => one.ID);
}

/** What ?prefix, ?job, ?status and ?namespace leave of the evaluations. */
function asked(snapshot: Snapshot, call: Call): { source: Iterable<Evaluation>; keep: (one: Evaluation) => boolean } {
  const job = call.query.text("job");
  const status = call.query.text("status");
  if (call.query.text("filter") !== "" && (job !== "" || status !== "")) {
    throw badRequest("Filter expression cannot be used with other filter parameters");
  }
  const { namespace } = call;
  const sees = visible(call.grant, ["read-job"]);
  return {
    source: snapshot.evaluations(call.query.text("prefix")),
    keep: (one) =>
      (namespace === "*" || one.Namespace === namespace) &&
      (sees === undefined || sees(one)) &&
      (job === "" || one.JobID === job) &&
      (status === "" || one.Status === status),
  };
}

export const readEvaluation: Handler = reading(["evaluations"], (snapshot, call) => {
  const evaluation = snapshot.evaluation(call.parameters["id"] ?? "");
  const index = evaluation?.ModifyIndex ?? snapshot.tableIndex("evaluations");
  return {
    index,
    answer() {
      if (evaluation === undefined) throw notFound("eval not found");
      const related = call.query.flag("related", false, true) ? relatedTo(snapshot, evaluation).map(evaluationStub) : null;
      return value({ ...evaluation, RelatedEvals: related }, { index });
    },
  };
});

/** Everything linked to it by Next, Previous and Blocked, however far; each once. */
function relatedTo(snapshot: Snapshot, start: Evaluation): Evaluation[] {
  const seen = new Map<string, Evaluation>([[start.ID, start]]);
  const queue = [start];
  for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
    for (const id of [one.PreviousEval, one.NextEval, one.BlockedEval]) {
      const linked = id === "" || seen.has(id) ? undefined : snapshot.evaluation(id);
      if (linked === undefined) continue;
      seen.set(linked.ID, linked);
      queue.push(linked);
    }
  }
  seen.delete(start.ID);
  return [...seen.values()].sort((a, b) => a.CreateIndex - b.CreateIndex);
}

export const listAllocationsOf: Handler = reading(["allocations"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("allocations");
  return {
    index,
    async answer() {
      const keep = visible(call.grant, ["read-job"]);
      const found = await page(call, snapshot.allocationsByEvaluation(call.parameters["id"] ?? ""), byCreateIndex(), keep);
      const shape = stubShape(call);
      return list(found.items, (allocation) => context.texts.allocationStub(allocation, shape), { index, nextToken: found.nextToken });
    },
  };
});
