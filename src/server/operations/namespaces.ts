/** Namespaces come, change and go. nomad.md §7 "Namespaces". Which of them may go is the state's to say: it knows what is in them then. */
import type { NamespaceRecord } from "#model";
import { commit, type ServerContext } from "../context.ts";
import { badRequest } from "../errors.ts";
import { recordFields, type RecordFields } from "./record-fields.ts";

const NAME = /^[a-zA-Z0-9-]{1,128}$/;
const DESCRIPTION_MAX = 256;
/** Of Nomad's Enterprise edition, and what does the same here. nomad.md §7 "Namespaces". */
const NOT_HONOURED = {
  NodePoolConfiguration: "which node pools jobs may use is not limited by namespace; name the pool in each job: node_pool = …",
  VaultConfiguration: "there is one Vault for all namespaces; whose secrets a task reads is said by its role there",
  ConsulConfiguration: "there is one Consul for all namespaces; what a service may do there is said by its token's rules",
  Quota: "there are no quotas; reserve room with node pools, or limit who may submit by acl policies",
} as const;

/** Created, or replaced whole. */
export async function upsertNamespace(context: ServerContext, record: unknown): Promise<{ readonly Index: number }> {
  return { Index: await commit(context, { type: "namespaces-upsert", Namespaces: [readNamespace(record)] }) };
}

export async function deleteNamespace(context: ServerContext, name: string): Promise<{ readonly Index: number }> {
  return { Index: await commit(context, { type: "namespaces-delete", Names: [name] }) };
}

function readNamespace(record: unknown): NamespaceRecord {
  const name = recordFields(record, "Cannot store namespace").text("Name");
  const subject = `Cannot store namespace ${JSON.stringify(name)}`;
  const fields = recordFields(record, subject);
  if (!NAME.test(name)) throw badRequest(`${subject}: its name must be 1 to 128 letters, digits and dashes`);
  const Description = fields.text("Description");
  if (Description.length > DESCRIPTION_MAX) throw badRequest(`${subject}: its description is longer than ${DESCRIPTION_MAX} characters`);
  for (const [name, instead] of Object.entries(NOT_HONOURED)) fields.unset(name, `Drover does not have it: ${instead}`);
  const capabilities = fields.block("Capabilities");
  return {
    Name: name,
    Description,
    Meta: fields.textMap("Meta"),
    Capabilities: capabilities === null ? null : readCapabilities(capabilities, subject),
    Quota: "",
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

function readCapabilities(fields: RecordFields, subject: string): NonNullable<NamespaceRecord["Capabilities"]> {
  const capabilities = {
    EnabledTaskDrivers: fields.texts("EnabledTaskDrivers"),
    DisabledTaskDrivers: fields.texts("DisabledTaskDrivers"),
    EnabledNetworkModes: fields.texts("EnabledNetworkModes"),
    DisabledNetworkModes: fields.texts("DisabledNetworkModes"),
  };
  for (const [what, enabled, disabled] of [
    ["task driver", capabilities.EnabledTaskDrivers, capabilities.DisabledTaskDrivers],
    ["network mode", capabilities.EnabledNetworkModes, capabilities.DisabledNetworkModes],
  ] as const) {
    const both = enabled.find((each) => disabled.includes(each));
    if (both !== undefined) throw badRequest(`${subject}: ${what} ${JSON.stringify(both)} is both enabled and disabled`);
  }
  return capabilities;
}
