/** `drover login`: a provider's word is traded for a token. nomad.md §4.3, §7 "SSO". */
import { randomBytes } from "node:crypto";
import type { AclAuthMethodStub, AclTokenAnswer } from "#api/contract";
import { NamedError } from "#std";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printedAsData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { listenForCallback } from "../oidc-callback.ts";
import { noArguments } from "../only-argument.ts";
import { tokenText } from "../render/acl.ts";
import { readWord } from "../word-or-file.ts";

export const login: Command = {
  usage: "login [options]",
  about:
    "Logs in by an auth method and prints the token one is given. OIDC: open the address it prints in a browser, on this machine. JWT: with the provider's token, -login-token.",
  connects: true,
  flags: {
    method: { kind: "text", value: "name", about: "The auth method; without it the default one (of -type, where that is given)" },
    type: { kind: "text", value: "type", about: "OIDC or JWT" },
    "oidc-callback-addr": { kind: "text", value: "host:port", about: "Where the browser comes back to (default localhost:4649)" },
    "login-token": { kind: "text", value: "token", about: "The provider's token (JWT): the text, @file, or - for standard input" },
    ...DATA_FLAGS,
  },
  async run(context) {
    noArguments(context);
    const { terminal } = context;
    const method = await chosen(context);
    const token = method.Type === "OIDC" ? await byBrowser(context, method) : await byToken(context, method);
    if (printedAsData(context, token)) return 0;
    terminal.print(`Successfully logged in via ${method.Type} and ${method.Name}\n`);
    terminal.print(tokenText(token, terminal.colours));
    return 0;
  },
};

async function chosen({ flags, api }: Context): Promise<AclAuthMethodStub> {
  const name = flags.text("method") ?? "";
  const type = (flags.text("type") ?? "").toUpperCase();
  if (type !== "" && type !== "OIDC" && type !== "JWT")
    throw new UsageError(`-type ${JSON.stringify(flags.text("type"))}: want OIDC or JWT`);
  const { value: all } = await api.acl.authMethods.list();
  if (name !== "") {
    const named = all.find((each) => each.Name === name);
    if (named === undefined) throw unknownMethod(`No auth method ${JSON.stringify(name)}`, all);
    if (type !== "" && named.Type !== type)
      throw new UsageError(`-type ${type}: auth method ${JSON.stringify(name)} is of type ${named.Type}`);
    return named;
  }
  const found = all.filter((each) => each.Default && (type === "" || each.Type === type));
  // OIDC is a person's: that is who names nothing.
  const first = found.find((each) => each.Type === "OIDC") ?? found[0];
  if (first === undefined)
    throw unknownMethod(type === "" ? "No auth method is the default" : `No auth method of type ${type} is the default`, all);
  return first;
}

function unknownMethod(what: string, all: readonly AclAuthMethodStub[]): NamedError {
  const fix =
    all.length === 0
      ? "There is none yet: see drover acl auth-method create."
      : `Name one with -method: ${all.map(({ Name }) => Name).join(", ")}.`;
  return new NamedError("LOGIN_METHOD_UNKNOWN", what, { fix });
}

async function byToken(context: Context, method: AclAuthMethodStub): Promise<AclTokenAnswer> {
  const word = context.flags.text("login-token");
  if (word === undefined) throw new UsageError(`auth method ${JSON.stringify(method.Name)} is of type JWT: want -login-token`);
  const { value } = await context.api.acl.login(method.Name, (await readWord(context, word)).trim());
  return value;
}

async function byBrowser({ flags, api, terminal, interrupted }: Context, method: AclAuthMethodStub): Promise<AclTokenAnswer> {
  const callback = await listenForCallback(flags.text("oidc-callback-addr") ?? "localhost:4649");
  try {
    const request = { AuthMethodName: method.Name, RedirectURI: callback.redirectUri, ClientNonce: randomBytes(24).toString("base64url") };
    const { AuthURL } = (await api.acl.oidcAuthUrl(request)).value;
    // Not to standard output: that is the token's.
    terminal.complain(
      `Complete the login via your OIDC provider. Open in a browser:\n\n    ${AuthURL}\n\nWaiting for the provider's answer …`,
    );
    const { code, state } = await callback.answer(new URL(AuthURL).searchParams.get("state") ?? "", interrupted);
    return (await api.acl.oidcCompleteAuth({ ...request, Code: code, State: state })).value;
  } finally {
    await callback.close();
  }
}
