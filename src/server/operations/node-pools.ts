/** Node pools come, change and go. nomad.md §7 "Node pools". Which of them may change or go is the state's to say. */
import type { NodePool } from "#model";
import { commit, type ServerContext } from "../context.ts";
import { badRequest } from "../errors.ts";
import { recordFields } from "./record-fields.ts";

const NAME = /^[a-zA-Z0-9-_]{1,128}$/;
const DESCRIPTION_MAX = 256;
const ALGORITHMS = ["", "binpack", "spread"] as const;

/** Created, or replaced whole. */
export async function upsertNodePool(context: ServerContext, pool: unknown): Promise<{ readonly Index: number }> {
  return { Index: await commit(context, { type: "node-pools-upsert", NodePools: [readNodePool(pool)] }) };
}

export async function deleteNodePool(context: ServerContext, name: string): Promise<{ readonly Index: number }> {
  return { Index: await commit(context, { type: "node-pools-delete", Names: [name] }) };
}

function readNodePool(pool: unknown): NodePool {
  const name = recordFields(pool, "Cannot store node pool").text("Name");
  const subject = `Cannot store node pool ${JSON.stringify(name)}`;
  const fields = recordFields(pool, subject);
  if (!NAME.test(name)) throw badRequest(`${subject}: its name must be 1 to 128 letters, digits, dashes and underscores`);
  const Description = fields.text("Description");
  if (Description.length > DESCRIPTION_MAX) throw badRequest(`${subject}: its description is longer than ${DESCRIPTION_MAX} characters`);
  const configuration = fields.block("SchedulerConfiguration");
  const algorithm = configuration?.text("SchedulerAlgorithm") ?? "";
  const SchedulerAlgorithm = ALGORITHMS.find((each) => each === algorithm);
  if (SchedulerAlgorithm === undefined) {
    throw badRequest(`${subject}: its scheduler algorithm is ${JSON.stringify(algorithm)}, must be binpack or spread`);
  }
  const NodeIdentityTTL = fields.duration("NodeIdentityTTL");
  return {
    Name: name,
    Description,
    Meta: fields.textMap("Meta"),
    SchedulerConfiguration:
      configuration === null
        ? null
        : { SchedulerAlgorithm, MemoryOversubscriptionEnabled: configuration.flag("MemoryOversubscriptionEnabled") },
    ...(NodeIdentityTTL === 0 ? {} : { NodeIdentityTTL }),
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}
