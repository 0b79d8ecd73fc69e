/** /v1/namespaces and /v1/namespace/:name. nomad.md §3.2. */
import type { NamespaceRecord } from "#model";
import { reading } from "../blocking.ts";
import { empty, list, value, type Handler } from "../call.ts";
import { maySeeNamespace } from "#access";
import { denied } from "../guard/denied.ts";
import { byName } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";

export const listNamespaces: Handler = reading(["namespaces"], (snapshot, call) => {
  const index = snapshot.tableIndex("namespaces");
  return {
    index,
    async answer() {
      const { grant } = call;
      const keep = grant.Management ? undefined : ({ Name }: NamespaceRecord) => maySeeNamespace(grant, Name);
      const found = await page(call, snapshot.namespaces(call.query.text("prefix")), byName<NamespaceRecord>(), keep);
      return list(found.items, (one) => JSON.stringify(one), { index, nextToken: found.nextToken });
    },
  };
});

export const readNamespace: Handler = reading(["namespaces"], (snapshot, call) => {
  const found = snapshot.namespace(call.parameters["name"] ?? "");
  const index = found?.ModifyIndex ?? snapshot.tableIndex("namespaces");
  return {
    index,
    answer() {
      if (!maySeeNamespace(call.grant, call.parameters["name"] ?? "")) throw denied("It needs any capability in the namespace.");
      if (found === undefined) throw notFound("Namespace not found");
      return value(found, { index });
    },
  };
});

/** PUT /v1/namespace and PUT /v1/namespace/:name: created, or replaced whole. */
export const writeNamespace: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  const inPath = call.parameters["name"];
  if (inPath !== undefined && body.text("Name") !== inPath) throw badRequest("Namespace name does not match request path");
  const { Index } = await server.upsertNamespace(body.fields);
  return empty({ index: Index });
};

export const deleteNamespace: Handler = async (call, context) => {
  const { Index } = await requireServer(context).deleteNamespace(call.parameters["name"] ?? "");
  return empty({ index: Index });
};
