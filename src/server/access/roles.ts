/** Roles come, change and go: names for several policies. Whether the policies are there is the state's to say. */
import type { AclRole } from "#model";
import type { AccessControl } from "./contract.ts";
import { invalid, notFound } from "./errors.ts";
import { descriptionOf, listOf, nameOf, recordFields, withoutRepeats } from "./fields.ts";
import type { AccessParts } from "./parts.ts";
import { hashOf, write } from "./write.ts";

export async function upsertRole(parts: AccessParts, given: unknown, id: string | null): ReturnType<AccessControl["upsertRole"]> {
  const fields = recordFields(given, "Cannot store ACL role");
  const named = fields.text("ID");
  if (id !== null && named !== "" && named !== id) throw invalid("ID of ACL role is not that of the request's path");
  const existing = id ?? (named === "" ? null : named);
  if (existing !== null && parts.cluster.state.snapshot().aclRole(existing) === undefined) throw notFound(`cannot find role ${existing}`);
  const Name = nameOf(fields, "role");
  const Description = descriptionOf(fields, "role");
  const links = listOf(given, "Policies", "role").map((link) => ({ Name: recordFields(link, "Cannot store ACL role").text("Name") }));
  const Policies = withoutRepeats(links, (link) => link.Name);
  if (Policies.length === 0) throw invalid("at least one policy should be specified");
  const role: AclRole = {
    ID: existing ?? parts.random.uuid(),
    Name,
    Description,
    Policies,
    Hash: hashOf(Name, Description, Policies),
    CreateIndex: 0,
    ModifyIndex: 0,
  };
  const Index = await write(parts, { type: "acl-roles-upsert", Roles: [role] });
  return { Index, Role: parts.cluster.state.snapshot().aclRole(role.ID) ?? role };
}

export async function deleteRole(parts: AccessParts, id: string): ReturnType<AccessControl["deleteRole"]> {
  return { Index: await write(parts, { type: "acl-roles-delete", IDs: [id] }) };
}
