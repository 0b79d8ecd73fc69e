/** Policies come, change and go. What a text means is access's to say; one that nobody could use is not stored. */
import { parsePolicy } from "#access";
import type { AclPolicy, JobAcl, Namespace } from "#model";
import type { AccessControl } from "./contract.ts";
import { invalid } from "./errors.ts";
import { descriptionOf, nameOf, recordFields, type RecordFields } from "./fields.ts";
import type { AccessParts } from "./parts.ts";
import { hashOf, write } from "./write.ts";

export async function upsertPolicy(parts: AccessParts, given: unknown): ReturnType<AccessControl["upsertPolicy"]> {
  const read = readPolicy(given);
  const Index = await write(parts, { type: "acl-policies-upsert", Policies: [read] });
  return { Index, Policy: parts.cluster.state.snapshot().aclPolicy(read.Name) ?? read };
}

export async function deletePolicy(parts: AccessParts, name: string): ReturnType<AccessControl["deletePolicy"]> {
  return { Index: await write(parts, { type: "acl-policies-delete", Names: [name] }) };
}

function readPolicy(given: unknown): AclPolicy {
  const fields = recordFields(given, "Cannot store ACL policy");
  const Name = nameOf(fields, "policy");
  const Description = descriptionOf(fields, "policy");
  const Rules = fields.text("Rules");
  parsePolicy(Rules, Name);
  const JobACL = readJobAcl(fields.block("JobACL"));
  return { Name, Description, Rules, JobACL, Hash: hashOf(Name, Description, Rules, JobACL), CreateIndex: 0, ModifyIndex: 0 };
}

/** Whose workloads have it by themselves: narrower only below something named. */
function readJobAcl(fields: RecordFields | null): JobAcl | null {
  if (fields === null) return null;
  const [Namespace, JobID, Group, Task] = ["Namespace", "JobID", "Group", "Task"].map((name) => fields.text(name)) as [
    string,
    string,
    string,
    string,
  ];
  if (Namespace + JobID + Group + Task === "") return null;
  if (JobID === "" && Group + Task !== "") throw invalid("job ACL of ACL policy names a group or task, but no job");
  if (Group === "" && Task !== "") throw invalid("job ACL of ACL policy names a task, but no group");
  return { Namespace: (Namespace === "" ? "default" : Namespace) as Namespace, JobID, Group, Task };
}
