/** `drover acl binding-rule create`, `list`, `info`, `update`, `delete`: what logins are given. nomad.md §4.3, §4.4. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printedAsData } from "../data-output.ts";
import type { FlagTable } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { bindingRuleText } from "../render/acl.ts";
import { table } from "../render/columns.ts";

const SAID_FLAGS: FlagTable = {
  description: { kind: "text", value: "text", about: "What it is for" },
  selector: { kind: "text", value: "expression", about: 'Of which logins, such as: "engineers" in list.groups; without one of all' },
  "bind-type": { kind: "text", value: "type", about: "What they are given: role, policy or management" },
  "bind-name": { kind: "text", value: "name", about: "Which one; ${value.team} stands for what the login said" },
};

export const aclBindingRuleCreate: Command = {
  usage: "acl binding-rule create [options]",
  about: "Says what the logins of an auth method are given: a role, a policy, or everything.",
  connects: true,
  flags: { "auth-method": { kind: "text", value: "name", about: "The way to log in" }, ...SAID_FLAGS, ...DATA_FLAGS },
  async run(context) {
    noArguments(context);
    const { flags, terminal, api } = context;
    const { value: rule } = await api.acl.bindingRules.create({
      AuthMethod: flags.text("auth-method") ?? "",
      Description: flags.text("description") ?? "",
      Selector: flags.text("selector") ?? "",
      BindType: flags.text("bind-type") ?? "",
      BindName: flags.text("bind-name") ?? "",
    });
    if (!printedAsData(context, rule)) terminal.print(bindingRuleText(rule));
    return 0;
  },
};

export const aclBindingRuleUpdate: Command = {
  usage: "acl binding-rule update [options] <id>",
  about: "Changes a binding rule. With -no-merge it is what the flags say, and nothing of what it was.",
  connects: true,
  flags: { ...SAID_FLAGS, "no-merge": { kind: "boolean", about: "Replace the whole rule" }, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    const { value: before } = await api.acl.bindingRules.read(onlyArgument(context, "<id>"));
    const kept = flags.flag("no-merge") ? undefined : before;
    const { value: rule } = await api.acl.bindingRules.update({
      ID: before.ID,
      AuthMethod: before.AuthMethod,
      Description: flags.text("description") ?? kept?.Description ?? "",
      Selector: flags.text("selector") ?? kept?.Selector ?? "",
      BindType: flags.text("bind-type") ?? kept?.BindType ?? "",
      BindName: flags.text("bind-name") ?? kept?.BindName ?? "",
    });
    if (!printedAsData(context, rule)) terminal.print(bindingRuleText(rule));
    return 0;
  },
};

export const aclBindingRuleList: Command = {
  usage: "acl binding-rule list [options]",
  about: "Lists binding rules.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    noArguments(context);
    const { terminal, api } = context;
    const { value: all } = await api.acl.bindingRules.list();
    if (printedAsData(context, all)) return 0;
    const rows = all.map((each) => [each.ID, each.Description, each.AuthMethod]);
    terminal.print(rows.length === 0 ? "No ACL binding rules found" : table([["ID", "Description", "Auth Method"], ...rows]));
    return 0;
  },
};

export const aclBindingRuleInfo: Command = {
  usage: "acl binding-rule info [options] <id>",
  about: "Shows a binding rule.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { terminal, api } = context;
    const { value: rule } = await api.acl.bindingRules.read(onlyArgument(context, "<id>"));
    if (!printedAsData(context, rule)) terminal.print(bindingRuleText(rule));
    return 0;
  },
};

export const aclBindingRuleDelete: Command = {
  usage: "acl binding-rule delete <id>",
  about: "Removes a binding rule. Tokens of logins it allowed stay until their time is over.",
  connects: true,
  flags: {},
  async run(context) {
    const id = onlyArgument(context, "<id>");
    await context.api.acl.bindingRules.delete(id);
    context.terminal.print(`ACL binding rule ${id} successfully deleted`);
    return 0;
  },
};
