/** What logins are given comes, changes and goes. */
import type { AclBindingRule } from "#model";
import { compileFilter } from "#std";
import type { AccessControl } from "./contract.ts";
import { invalid, notFound } from "./errors.ts";
import { descriptionOf, recordFields } from "./fields.ts";
import { interpolates } from "./login/interpolate.ts";
import type { AccessParts } from "./parts.ts";
import { hashOf, timeText, write } from "./write.ts";

export async function upsertBindingRule(
  parts: AccessParts,
  given: unknown,
  id: string | null,
): ReturnType<AccessControl["upsertBindingRule"]> {
  const fields = recordFields(given, "Cannot store ACL binding rule");
  const named = fields.text("ID");
  if (id !== null && named !== "" && named !== id) throw invalid("ID of ACL binding rule is not that of the request's path");
  const existing = id ?? (named === "" ? null : named);
  const before = existing === null ? undefined : parts.cluster.state.snapshot().aclBindingRule(existing);
  if (existing !== null && before === undefined) throw notFound(`cannot find binding rule ${existing}`);
  const AuthMethod = fields.text("AuthMethod") === "" ? (before?.AuthMethod ?? "") : fields.text("AuthMethod");
  if (AuthMethod === "") throw invalid("auth method is missing");
  if (before !== undefined && before.AuthMethod !== AuthMethod) throw invalid("the auth method of a binding rule cannot change");
  const Selector = fields.text("Selector");
  if (Selector !== "") compileFilter(Selector);
  const BindType = fields.text("BindType");
  if (BindType !== "role" && BindType !== "policy" && BindType !== "management") {
    throw invalid(`invalid bind type ${JSON.stringify(BindType)}: role, policy or management is wanted`);
  }
  const BindName = fields.text("BindName");
  if (BindType === "management" && BindName !== "") throw invalid("bind name should be empty when bind type is management");
  if (BindType !== "management" && BindName === "") throw invalid("bind name is missing");
  if (!interpolates(BindName)) throw invalid(`invalid bind name ${JSON.stringify(BindName)}`);
  const Description = descriptionOf(fields, "binding rule");
  const now = timeText(parts.clock.nowMs());
  const rule: AclBindingRule = {
    ID: existing ?? parts.random.uuid(),
    Description,
    AuthMethod,
    Selector,
    BindType,
    BindName,
    Hash: hashOf(Description, AuthMethod, Selector, BindType, BindName),
    CreateTime: before?.CreateTime ?? now,
    ModifyTime: now,
    CreateIndex: 0,
    ModifyIndex: 0,
  };
  const Index = await write(parts, { type: "acl-binding-rules-upsert", Rules: [rule] });
  return { Index, BindingRule: parts.cluster.state.snapshot().aclBindingRule(rule.ID) ?? rule };
}

export async function deleteBindingRule(parts: AccessParts, id: string): ReturnType<AccessControl["deleteBindingRule"]> {
  return { Index: await write(parts, { type: "acl-binding-rules-delete", IDs: [id] }) };
}
