/** /v1/allocations and /v1/allocation/:id. */
import type { Allocation, AllocationId } from "#model";
import { reading } from "../blocking.ts";
import { json, list, value, type Call, type Handler } from "../call.ts";
import { both, visible } from "../guard/visible.ts";
import { byCreateIndex, byId } from "../listing/order.ts";
import { inCreationOrder, page } from "../listing/page.ts";
import { notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";
import type { AllocationShape } from "../texts.ts";

export function stubShape(call: Call): AllocationShape {
  return { resources: call.query.flag("resources"), taskStates: call.query.flag("task_states", true) };
}

export const listAllocations: Handler = reading(["allocations"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("allocations");
  return {
    index,
    async answer() {
      const prefix = call.query.text("prefix");
      const { namespace } = call;
      const here = namespace === "*" ? undefined : (allocation: Allocation) => allocation.Namespace === namespace;
      const keep = both(here, visible(call.grant, ["read-job"]));
      const found =
        prefix === ""
          ? await page(call, await inCreationOrder<Allocation>(snapshot, "allocations", context), byCreateIndex<Allocation>(), keep)
          : await page(call, snapshot.allocations(prefix), byId<Allocation>(), keep);
      const shape = stubShape(call);
      return list(found.items, (allocation) => context.texts.allocationStub(allocation, shape), { index, nextToken: found.nextToken });
    },
  };
});

export const readAllocation: Handler = reading(["allocations"], (snapshot, call, context) => {
  const allocation = snapshot.allocation(call.parameters["id"] ?? "");
  const index = allocation?.ModifyIndex ?? snapshot.tableIndex("allocations");
  return {
    index,
    answer() {
      if (allocation === undefined) throw notFound("alloc not found");
      return json(context.texts.allocation(allocation), { index });
    },
  };
});

export const stopAllocation: Handler = async (call, context) => {
  const answer = await requireServer(context).stopAllocation((call.parameters["id"] ?? "") as AllocationId, {
    NoShutdownDelay: call.query.flag("no_shutdown_delay", false, true),
    Reschedule: call.query.flag("reschedule", false, true),
  });
  return value(answer, { index: answer.Index });
};
