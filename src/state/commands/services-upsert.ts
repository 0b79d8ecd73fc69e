/** Services of Drover's own registry are made known, or said anew. What nothing living stands behind is left out, one by one. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { putService } from "../services.ts";

type ServicesUpsert = Extract<Command, { type: "services-upsert" }>;

export function applyServicesUpsert(draft: Draft, command: ServicesUpsert): Refusal | undefined {
  for (const service of command.Services) putService(draft, service);
  return undefined;
}
