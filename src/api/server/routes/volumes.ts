/**
 * GET /v1/volumes and /v1/plugins: there are none, and a list says so. Clients ask for them on the way to something else (`nomad volume
 * status`, Terraform's data sources). Whatever would make a volume, or name one, is ../../contract/later.ts'. nomad.md §3.2.
 */
import { reading } from "../blocking.ts";
import { list, type Handler } from "../call.ts";
import { notFound } from "../refusal.ts";

/** ?type=host or csi (none: csi). */
export const listVolumes: Handler = reading(["nodes"], (snapshot, call) => {
  if (!["", "csi", "host"].includes(call.query.text("type"))) throw notFound("resource not found");
  return none(snapshot.tableIndex("nodes"));
});

export const listPlugins: Handler = reading(["nodes"], (snapshot) => none(snapshot.tableIndex("nodes")));

function none(index: number) {
  return { index, answer: () => list([], String, { index }) };
}
