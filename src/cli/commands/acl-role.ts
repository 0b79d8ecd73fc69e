/** `drover acl role create`, `list`, `info`, `update`, `delete`: names for several policies. nomad.md §4.3, §4.4. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printedAsData } from "../data-output.ts";
import type { FlagTable } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { policyNames, roleText } from "../render/acl.ts";
import { table } from "../render/columns.ts";

const SAID_FLAGS: FlagTable = {
  name: { kind: "text", value: "name", about: "What it is called" },
  description: { kind: "text", value: "text", about: "What it is for" },
  policy: { kind: "list", value: "policy", about: "A policy it gives; repeatable" },
};

export const aclRoleCreate: Command = {
  usage: "acl role create [options]",
  about: "Makes a role: a name for one or more policies, which tokens and logins are given.",
  connects: true,
  flags: { ...SAID_FLAGS, ...DATA_FLAGS },
  async run(context) {
    noArguments(context);
    const { flags, terminal, api } = context;
    const { value: role } = await api.acl.roles.create({
      Name: flags.text("name") ?? "",
      Description: flags.text("description") ?? "",
      Policies: flags.list("policy").map((Name) => ({ Name })),
    });
    if (!printedAsData(context, role)) terminal.print(roleText(role));
    return 0;
  },
};

export const aclRoleUpdate: Command = {
  usage: "acl role update [options] <id>",
  about: "Changes a role; its policies are added to. With -no-merge it is what the flags say, and nothing of what it was.",
  connects: true,
  flags: { ...SAID_FLAGS, "no-merge": { kind: "boolean", about: "Replace the whole role" }, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    const ID = onlyArgument(context, "<id>");
    const before = flags.flag("no-merge") ? undefined : (await api.acl.roles.read(ID)).value;
    const names = new Set([...(before?.Policies.map(({ Name }) => Name) ?? []), ...flags.list("policy")]);
    const { value: role } = await api.acl.roles.update({
      ID,
      Name: flags.text("name") ?? before?.Name ?? "",
      Description: flags.text("description") ?? before?.Description ?? "",
      Policies: [...names].map((Name) => ({ Name })),
    });
    if (!printedAsData(context, role)) terminal.print(roleText(role));
    return 0;
  },
};

export const aclRoleList: Command = {
  usage: "acl role list [options]",
  about: "Lists roles.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    noArguments(context);
    const { terminal, api } = context;
    const { value: all } = await api.acl.roles.list();
    if (printedAsData(context, all)) return 0;
    const rows = all.map((each) => [each.ID, each.Name, each.Description, policyNames(each)]);
    terminal.print(rows.length === 0 ? "No ACL roles found" : table([["ID", "Name", "Description", "Policies"], ...rows]));
    return 0;
  },
};

export const aclRoleInfo: Command = {
  usage: "acl role info [options] <id>",
  about: "Shows a role.",
  connects: true,
  flags: { "by-name": { kind: "boolean", about: "The argument is the role's name" }, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    const typed = onlyArgument(context, "<id>");
    const { value: role } = flags.flag("by-name") ? await api.acl.roles.readByName(typed) : await api.acl.roles.read(typed);
    if (!printedAsData(context, role)) terminal.print(roleText(role));
    return 0;
  },
};

export const aclRoleDelete: Command = {
  usage: "acl role delete <id>",
  about: "Removes a role. Tokens that have it lose what it gave at once.",
  connects: true,
  flags: {},
  async run(context) {
    const id = onlyArgument(context, "<id>");
    await context.api.acl.roles.delete(id);
    context.terminal.print(`ACL role ${id} successfully deleted`);
    return 0;
  },
};
