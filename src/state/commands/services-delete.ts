/** Services of Drover's own registry are no longer there. Unknown ones are passed over: who asks twice has not erred. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { dropService } from "../services.ts";

type ServicesDelete = Extract<Command, { type: "services-delete" }>;

export function applyServicesDelete(draft: Draft, command: ServicesDelete): Refusal | undefined {
  const { services, serviceKeys } = draft.tables;
  for (const id of command.IDs) {
    const service = services.get(serviceKeys.get(id) ?? "");
    if (service !== undefined) dropService(draft, service);
  }
  return undefined;
}
