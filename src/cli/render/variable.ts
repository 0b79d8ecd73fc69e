/** A variable for people and programs. Pure. nomad.md §4.4. */
import type { Variable } from "#model";
import { keyValues } from "./columns.ts";
import { timestamp } from "./time.ts";

export function variableTable(variable: Variable, heading: (text: string) => string): string {
  const head = keyValues([
    ["Namespace", variable.Namespace],
    ["Path", variable.Path],
    ["Create Time", timestamp(variable.CreateTime)],
    ...(variable.ModifyTime === variable.CreateTime ? [] : ([["Modify Time", timestamp(variable.ModifyTime)]] as const)),
    ["Check Index", String(variable.ModifyIndex)],
    ...(variable.Lock === undefined ? [] : ([["Lock", `held, TTL ${variable.Lock.TTL}, delay ${variable.Lock.LockDelay}`]] as const)),
  ]);
  const items = Object.entries(variable.Items).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${head}\n\n${heading("Items")}\n${items.length === 0 ? "<none>" : keyValues(items)}`;
}

/** What `var put -in=hcl` reads. */
export function variableHcl(variable: Variable): string {
  const items = Object.entries(variable.Items).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    `namespace    = ${quote(variable.Namespace)}`,
    `path         = ${quote(variable.Path)}`,
    `create_index = ${variable.CreateIndex}  # Set by server`,
    `modify_index = ${variable.ModifyIndex}  # Set by server; consulted for check-and-set`,
    `create_time  = ${variable.CreateTime}  # Set by server`,
    `modify_time  = ${variable.ModifyTime}  # Set by server`,
    "",
    "items = {",
    ...items.map(([key, value]) => `  ${quote(key)} = ${quote(value)}`),
    "}",
  ].join("\n");
}

/** HCL's quoted text: nothing in it is a template. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll("${", "$${").replaceAll("%{", "%%{");
}
