/** `drover acl token create`, `list`, `info`, `self`, `update`, `delete`: nomad.md §4.3, §4.4. */
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printedAsData } from "../data-output.ts";
import type { FlagTable } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { PAGE_FLAGS, pageQuery, tellNextPage } from "../paging.ts";
import { tokenTable, tokenText } from "../render/acl.ts";

const SAID_FLAGS: FlagTable = {
  name: { kind: "text", value: "name", about: "What it is called, for people" },
  type: {
    kind: "text",
    value: "type",
    about: "client, which may what its policies say, or management, which may everything (default client)",
  },
  policy: { kind: "list", value: "policy", about: "A policy it has; repeatable" },
  "role-id": { kind: "list", value: "id", about: "A role it has; repeatable" },
  "role-name": { kind: "list", value: "name", about: "The same, by the role's name; repeatable" },
  global: { kind: "boolean", about: "Good in every region" },
};

export const aclTokenCreate: Command = {
  usage: "acl token create [options]",
  about: "Makes a token. Its secret is what goes into NOMAD_TOKEN.",
  connects: true,
  flags: {
    ...SAID_FLAGS,
    ttl: { kind: "duration", value: "time", about: 'How long it is good, such as "8h"; for ever without' },
    accessor: { kind: "text", value: "uuid", about: "Not used: accessors are made by the servers, and given ones refused" },
    ...DATA_FLAGS,
  },
  async run(context) {
    noArguments(context);
    const { flags, terminal, api } = context;
    const { value: token } = await api.acl.tokens.create({
      Name: flags.text("name") ?? "",
      Type: flags.text("type") ?? "client",
      Policies: flags.list("policy"),
      Roles: roleLinks(context),
      Global: flags.flag("global"),
      ...(flags.given("accessor") ? { AccessorID: flags.text("accessor") } : {}),
      ...(flags.given("ttl") ? { ExpirationTTL: flags.duration("ttl") } : {}),
    });
    if (!printedAsData(context, token)) terminal.print(tokenText(token, terminal.colours));
    return 0;
  },
};

function roleLinks({ flags }: Context): object[] {
  return [...flags.list("role-id").map((ID) => ({ ID })), ...flags.list("role-name").map((Name) => ({ Name }))];
}

export const aclTokenUpdate: Command = {
  usage: "acl token update [options] <accessor>",
  about: "Changes a token: what is given takes the place of what was. Its secret and its end stay.",
  connects: true,
  flags: { ...SAID_FLAGS, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    const { value: before } = await api.acl.tokens.read(onlyArgument(context, "<accessor>"));
    const roles = flags.given("role-id") || flags.given("role-name");
    const { value: token } = await api.acl.tokens.update({
      AccessorID: before.AccessorID,
      Name: flags.text("name") ?? before.Name,
      Type: flags.text("type") ?? before.Type,
      Global: flags.given("global") ? flags.flag("global") : before.Global,
      Policies: flags.given("policy") ? flags.list("policy") : before.Policies,
      Roles: roles ? roleLinks(context) : before.Roles,
    });
    if (!printedAsData(context, token)) terminal.print(tokenText(token, terminal.colours));
    return 0;
  },
};

export const aclTokenList: Command = {
  usage: "acl token list [options]",
  about: "Lists tokens, without their secrets.",
  connects: true,
  flags: { ...PAGE_FLAGS, ...DATA_FLAGS },
  async run(context) {
    noArguments(context);
    const { flags, terminal, api } = context;
    const { value: all, nextToken } = await api.acl.tokens.list(false, pageQuery(flags));
    if (printedAsData(context, all)) return 0;
    terminal.print(all.length === 0 ? "No tokens found" : tokenTable(all, context.nowMs()));
    tellNextPage(terminal, "acl token list", nextToken, flags);
    return 0;
  },
};

export const aclTokenInfo: Command = {
  usage: "acl token info [options] <accessor>",
  about: "Shows a token, with its secret.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { terminal, api } = context;
    const { value: token } = await api.acl.tokens.read(onlyArgument(context, "<accessor>"));
    if (!printedAsData(context, token)) terminal.print(tokenText(token, terminal.colours));
    return 0;
  },
};

export const aclTokenSelf: Command = {
  usage: "acl token self [options]",
  about: "Shows the token that asks: the one of -token or NOMAD_TOKEN.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    noArguments(context);
    const { terminal, api } = context;
    const { value: token } = await api.acl.tokens.self();
    if (!printedAsData(context, token)) terminal.print(tokenText(token, terminal.colours));
    return 0;
  },
};

export const aclTokenDelete: Command = {
  usage: "acl token delete <accessor>",
  about: "Removes a token: from then on nobody is served for it, and streams that were opened with it end.",
  connects: true,
  flags: {},
  async run(context) {
    const accessor = onlyArgument(context, "<accessor>");
    await context.api.acl.tokens.delete(accessor);
    context.terminal.print(`Token ${accessor} successfully deleted`);
    return 0;
  },
};
