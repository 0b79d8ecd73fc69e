/** `drover acl auth-method create`, `list`, `info`, `update`, `delete`: ways to log in. nomad.md §4.3, §4.4. */
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printedAsData } from "../data-output.ts";
import { type FlagTable, UsageError } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { authMethodText } from "../render/acl.ts";
import { table } from "../render/columns.ts";
import { readJsonWord } from "../word-or-file.ts";

const SAID_FLAGS: FlagTable = {
  type: { kind: "text", value: "type", about: "OIDC (a person before a provider's page) or JWT (a program with a provider's token)" },
  "max-token-ttl": { kind: "duration", value: "time", about: "How long the tokens of its logins are good" },
  "token-locality": { kind: "text", value: "where", about: "Where they are good: local (this region) or global" },
  "token-name-format": { kind: "text", value: "format", about: "What they are called, such as ${auth_method_type}-${value.user}" },
  default: { kind: "boolean", about: "The one that is meant when a login names none" },
  config: { kind: "text", value: "json", about: "Its configuration as JSON: the text, @file, or - for standard input" },
};

async function said(context: Context): Promise<Record<string, unknown>> {
  const { flags } = context;
  const config = flags.text("config");
  return {
    ...(flags.given("type") ? { Type: flags.text("type") } : {}),
    ...(flags.given("max-token-ttl") ? { MaxTokenTTL: flags.duration("max-token-ttl") } : {}),
    ...(flags.given("token-locality") ? { TokenLocality: flags.text("token-locality") } : {}),
    ...(flags.given("token-name-format") ? { TokenNameFormat: flags.text("token-name-format") } : {}),
    ...(flags.given("default") ? { Default: flags.flag("default") } : {}),
    ...(config === undefined ? {} : { Config: await readJsonWord(context, config, "-config") }),
  };
}

export const aclAuthMethodCreate: Command = {
  usage: "acl auth-method create [options]",
  about: "Makes a way to log in. Binding rules say what its logins are given: without one nobody gets in.",
  connects: true,
  flags: { name: { kind: "text", value: "name", about: "What it is called" }, ...SAID_FLAGS, ...DATA_FLAGS },
  async run(context) {
    noArguments(context);
    const { flags, terminal, api } = context;
    for (const name of ["name", "type", "token-locality", "max-token-ttl", "config"]) {
      if (!flags.given(name)) throw new UsageError(`an auth method needs -${name}`);
    }
    const { value: method } = await api.acl.authMethods.create({ Name: flags.text("name") ?? "", ...(await said(context)) });
    if (!printedAsData(context, method)) terminal.print(authMethodText(method, terminal.colours));
    return 0;
  },
};

export const aclAuthMethodUpdate: Command = {
  usage: "acl auth-method update [options] <name>",
  about: "Changes a way to log in; what is not given stays as it is, inside of the configuration too.",
  connects: true,
  flags: { ...SAID_FLAGS, ...DATA_FLAGS },
  async run(context) {
    const { terminal, api } = context;
    const Name = onlyArgument(context, "<name>");
    const changes = await said(context);
    if (Object.keys(changes).length === 0) throw new UsageError("there is nothing to change: want at least one of the flags");
    const { value: method } = await api.acl.authMethods.update({ Name, ...changes });
    if (!printedAsData(context, method)) terminal.print(authMethodText(method, terminal.colours));
    return 0;
  },
};

export const aclAuthMethodList: Command = {
  usage: "acl auth-method list [options]",
  about: "Lists the ways to log in.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    noArguments(context);
    const { terminal, api } = context;
    const { value: all } = await api.acl.authMethods.list();
    if (printedAsData(context, all)) return 0;
    const rows = all.map((each) => [each.Name, each.Type, String(each.Default)]);
    terminal.print(rows.length === 0 ? "No ACL auth methods found" : table([["Name", "Type", "Default"], ...rows]));
    return 0;
  },
};

export const aclAuthMethodInfo: Command = {
  usage: "acl auth-method info [options] <name>",
  about: "Shows a way to log in, without its secrets.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { terminal, api } = context;
    const { value: method } = await api.acl.authMethods.read(onlyArgument(context, "<name>"));
    if (!printedAsData(context, method)) terminal.print(authMethodText(method, terminal.colours));
    return 0;
  },
};

export const aclAuthMethodDelete: Command = {
  usage: "acl auth-method delete <name>",
  about: "Removes a way to log in, and its binding rules with it.",
  connects: true,
  flags: {},
  async run(context) {
    const name = onlyArgument(context, "<name>");
    await context.api.acl.authMethods.delete(name);
    context.terminal.print(`ACL auth method ${name} successfully deleted`);
    return 0;
  },
};
