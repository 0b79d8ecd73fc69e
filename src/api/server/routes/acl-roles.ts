/** /v1/acl/roles and /v1/acl/role. nomad.md §3.2. Without management only the own ones are told. */
import type { AclRole } from "#model";
import type { Snapshot } from "#state";
import { reading } from "../blocking.ts";
import { empty, list, value, type Call, type Handler } from "../call.ts";
import { denied } from "../guard/denied.ts";
import { ownOf } from "../guard/own.ts";
import { byId } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireAccess } from "./acl-access.ts";

export const listRoles: Handler = (call, context) => {
  requireAccess(context);
  return readRoles(call, context);
};

const readRoles: Handler = reading(["acl-roles", "acl-tokens"], (snapshot, call) => {
  const index = snapshot.tableIndex("acl-roles");
  return {
    index,
    async answer() {
      const own = call.grant.Management ? undefined : ownOf(snapshot, call.grant).roles;
      const keep = own === undefined ? undefined : ({ ID }: AclRole) => own.has(ID);
      const found = await page(call, snapshot.aclRoles(call.query.text("prefix")), byId<AclRole>(), keep);
      return list(found.items, (role) => JSON.stringify(role), { index, nextToken: found.nextToken });
    },
  };
});

export const readRole: Handler = (call, context) => {
  requireAccess(context);
  return roleBy((snapshot, { parameters }) => snapshot.aclRole(parameters["id"] ?? ""))(call, context);
};
export const readRoleByName: Handler = (call, context) => {
  requireAccess(context);
  return roleBy((snapshot, { parameters }) => snapshot.aclRoleByName(parameters["name"] ?? ""))(call, context);
};

function roleBy(find: (snapshot: Snapshot, call: Call) => AclRole | undefined): Handler {
  return reading(["acl-roles"], (snapshot, call) => {
    const role = find(snapshot, call);
    const index = role?.ModifyIndex ?? snapshot.tableIndex("acl-roles");
    return {
      index,
      answer() {
        const { grant } = call;
        // Of one that is not there and of one that is another's the same is said.
        if (!grant.Management && (role === undefined || !ownOf(snapshot, grant).roles.has(role.ID))) throw denied();
        if (role === undefined) throw notFound("ACL role not found");
        return value(role, { index });
      },
    };
  });
}

export const createRole: Handler = async (call, context) => {
  const access = requireAccess(context);
  const body = call.body();
  if (body.text("ID") !== "") throw badRequest("Cannot create ACL role: it has an ID already, wanted none");
  const { Role, Index } = await access.upsertRole(body.fields, null);
  return value(Role, { index: Index });
};

export const updateRole: Handler = async (call, context) => {
  const access = requireAccess(context);
  const body = call.body();
  if (body.text("ID") !== idOf(call)) throw badRequest("ACL role ID does not match request path");
  const { Role, Index } = await access.upsertRole(body.fields, idOf(call));
  return value(Role, { index: Index });
};

export const deleteRole: Handler = async (call, context) => {
  const { Index } = await requireAccess(context).deleteRole(idOf(call));
  return empty({ index: Index });
};

function idOf(call: Call): string {
  return call.parameters["id"] ?? "";
}
