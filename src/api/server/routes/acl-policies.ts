/** /v1/acl/policies and /v1/acl/policy/:name. nomad.md §3.2. Without management only the own ones are told. */
import type { AclPolicy } from "#model";
import type { AclPolicyStub } from "../../contract/mod.ts";
import { reading } from "../blocking.ts";
import { empty, list, value, type Call, type Handler } from "../call.ts";
import { denied } from "../guard/denied.ts";
import { ownOf } from "../guard/own.ts";
import { byName } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireAccess } from "./acl-access.ts";

export const listPolicies: Handler = (call, context) => {
  requireAccess(context);
  return readPolicies(call, context);
};

const readPolicies: Handler = reading(["acl-policies", "acl-tokens", "acl-roles"], (snapshot, call) => {
  const index = snapshot.tableIndex("acl-policies");
  return {
    index,
    async answer() {
      const own = call.grant.Management ? undefined : ownOf(snapshot, call.grant).policies;
      const keep = own === undefined ? undefined : ({ Name }: AclPolicy) => own.has(Name);
      const found = await page(call, snapshot.aclPolicies(call.query.text("prefix")), byName<AclPolicy>(), keep);
      return list(found.items, stubText, { index, nextToken: found.nextToken });
    },
  };
});

/** Those of whoever asks: all, of one with management. */
export const listOwnPolicies: Handler = (call, context) => {
  requireAccess(context);
  return readOwnPolicies(call, context);
};

const readOwnPolicies: Handler = reading(["acl-policies", "acl-tokens", "acl-roles"], (snapshot, call) => {
  const index = snapshot.tableIndex("acl-policies");
  return {
    index,
    answer() {
      const own = call.grant.Management ? undefined : ownOf(snapshot, call.grant).policies;
      return list(
        [...snapshot.aclPolicies()].filter(({ Name }) => own?.has(Name) !== false),
        stubText,
        { index },
      );
    },
  };
});

function stubText({ Name, Description, JobACL, Hash, CreateIndex, ModifyIndex }: AclPolicy): string {
  return JSON.stringify({ Name, Description, JobACL, Hash, CreateIndex, ModifyIndex } satisfies AclPolicyStub);
}

export const readPolicy: Handler = (call, context) => {
  requireAccess(context);
  return readOne(call, context);
};

const readOne: Handler = reading(["acl-policies"], (snapshot, call) => {
  const policy = snapshot.aclPolicy(nameOf(call));
  const index = policy?.ModifyIndex ?? snapshot.tableIndex("acl-policies");
  return {
    index,
    answer() {
      if (!call.grant.Management && !ownOf(snapshot, call.grant).policies.has(nameOf(call))) throw denied();
      if (policy === undefined) throw notFound("ACL policy not found");
      return value(policy, { index });
    },
  };
});

/** Created, or replaced whole. */
export const writePolicy: Handler = async (call, context) => {
  const access = requireAccess(context);
  const body = call.body();
  if (body.text("Name") !== nameOf(call)) throw badRequest("ACL policy name does not match request path");
  const { Index } = await access.upsertPolicy(body.fields);
  return empty({ index: Index });
};

export const deletePolicy: Handler = async (call, context) => {
  const { Index } = await requireAccess(context).deletePolicy(nameOf(call));
  return empty({ index: Index });
};

function nameOf(call: Call): string {
  return call.parameters["name"] ?? "";
}
