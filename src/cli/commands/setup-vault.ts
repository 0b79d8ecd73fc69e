/** `drover setup vault`: nomad.md §4.3. */
import { readFileSync } from "node:fs";
import type { VaultSetup, VaultSetupStep } from "#integrations/vault";
import { NamedError, messageOf } from "#std";
import type { Command, Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { noArguments } from "../only-argument.ts";
import { vaultOf, vaultTokenOf } from "../vault-address.ts";

const JWKS_URL = "http://127.0.0.1:4646/.well-known/jwks.json";
const KV_PATH = "secret";

export const setupVault: Command = {
  usage: "setup vault [options]",
  about:
    "Prepares Vault, or OpenBao, so that tasks log in to it with their identities: an auth method that trusts the servers' keys, a role, a policy by " +
    "which each job reads <kv-path>/<its namespace>/<its name> and below, and the KV engine if there is none. May be repeated: what is there already " +
    "is left, or brought up to date. It then shows what to write into the agents' configuration.\n\n" +
    "Vault is found, as by its own command line, by VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE, VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT, " +
    "VAULT_CLIENT_KEY, VAULT_TLS_SERVER_NAME, VAULT_SKIP_VERIFY.",
  connects: true,
  flags: {
    y: { kind: "boolean", about: "Ask nothing" },
    check: { kind: "boolean", about: "Change nothing: say what lacks or differs; exit code 1 if anything does" },
    destroy: {
      kind: "boolean",
      about: "Remove what this command made, and nothing else; ends the tokens made by logins, leaves the secrets",
    },
    "jwks-url": { kind: "text", value: "url", about: `Where Vault fetches the servers' public keys. Default: ${JWKS_URL}` },
    "jwks-ca-file": { kind: "text", value: "path", about: "A CA certificate (PEM) to trust at that URL" },
    "kv-path": {
      kind: "text",
      value: "path",
      about: `The KV engine whose secrets jobs read, made (version 2) if it is not there. Default: ${KV_PATH}`,
    },
  },
  async run(context) {
    noArguments(context);
    const { flags, terminal, environment } = context;
    const vault = await import("#integrations/vault");
    const address = vaultOf(environment);
    const connection = vault.vaultConnection(address);
    const token = vaultToken(environment);
    try {
      if (flags.flag("destroy")) {
        if (!flags.flag("y")) {
          const action = `Remove from Vault at ${connection.address} what "setup vault" made, and end the tokens of all tasks that logged in`;
          const { ok, refused } = await confirmed(context, action, "Nothing was removed", "give -y");
          if (!ok) return refused;
        }
        const steps = await vault.tearDownVault(connection, token);
        for (const step of steps) terminal.print(line(step));
        if (steps.length === 0) terminal.print("Nothing of this command's is there");
        return 0;
      }
      const setup: VaultSetup = {
        token,
        jwksUrl: flags.text("jwks-url") ?? JWKS_URL,
        jwksCa: certificate(flags.text("jwks-ca-file")),
        kvPath: (flags.text("kv-path") ?? KV_PATH).replaceAll(/^\/+|\/+$/g, ""),
      };
      const plan = await vault.checkVault(connection, setup);
      const isDone = plan.every((step) => step.what === "kept");
      if (flags.flag("check")) {
        for (const step of plan) terminal.print(checked(step));
        return isDone ? 0 : 1;
      }
      if (!flags.flag("y") && !isDone) {
        for (const step of plan) terminal.print(`  ${planned(step)}`);
        const { ok, refused } = await confirmed(context, `Do this in Vault at ${connection.address}`, "Nothing was made", "give -y");
        if (!ok) return refused;
      }
      for (const step of await vault.setUpVault(connection, setup)) terminal.print(line(step));
      terminal.print("\nWrite into every agent's configuration, and restart it:\n");
      terminal.print(indented(vault.vaultSnippet(connection.address, address)).trimEnd());
      return 0;
    } finally {
      connection.close();
    }
  },
};

function vaultToken(environment: Context["environment"]): string {
  const token = vaultTokenOf(environment);
  if (token !== undefined) return token;
  throw new NamedError("VAULT_SETUP_TOKEN_MISSING", "Cannot set up Vault: no token is given, one that may write auth methods is needed", {
    fix: "Set VAULT_TOKEN, or log in with `vault login` (`bao login`).",
  });
}

function certificate(path: string | undefined): string {
  if (path === undefined) return "";
  const cannot = (why: string): NamedError =>
    new NamedError("VAULT_SETUP_FILE_UNREADABLE", `Cannot use -jwks-ca-file ${JSON.stringify(path)}: ${why}`, {
      fix: "Name a PEM file: it begins with -----BEGIN CERTIFICATE-----.",
    });
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    throw cannot(messageOf(thrown));
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw cannot("there is no certificate in it");
}

const DONE: Readonly<Record<VaultSetupStep["what"], string>> = {
  made: "Made",
  changed: "Changed",
  kept: "Already there:",
  removed: "Removed",
};
const TO_DO: Readonly<Record<VaultSetupStep["what"], string>> = { ...DONE, made: "Make", changed: "Change", kept: "Leave" };

const named = ({ kind, name, differs }: VaultSetupStep): string =>
  `${kind} "${name}"${differs.length === 0 ? "" : ` (${differs.join(", ")})`}`;
const line = (step: VaultSetupStep): string => `${DONE[step.what]} ${named(step)}`;
const planned = (step: VaultSetupStep): string => `${TO_DO[step.what].padEnd(6)} ${named(step)}`;
const checked = (step: VaultSetupStep): string =>
  step.what === "kept"
    ? `As it should be: ${named(step)}`
    : step.what === "made"
      ? `Not there: ${named(step)}`
      : `Otherwise: ${named(step)}`;

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, "    ");
}
