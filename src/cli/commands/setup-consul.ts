/** `drover setup consul`: nomad.md §4.3. */
import type * as ConsulSetUp from "#integrations/consul";
import type { ConsulConnection, SetupStep } from "#integrations/consul";
import { NamedError, messageOf } from "#std";
import type { Command, Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { consulOf, namedFile } from "../consul-address.ts";
import { noArguments } from "../only-argument.ts";

const JWKS_URL = "http://127.0.0.1:4646/.well-known/jwks.json";

export const setupConsul: Command = {
  usage: "setup consul [options]",
  about:
    "Prepares Consul so that services and tasks log in to it with their identities: an auth method, its binding rules, and a role and a policy " +
    "for the tasks of every namespace there is. May be repeated: what is there already is left, or brought up to date. It then shows what to " +
    "write into the agents' configuration.\n\n" +
    "With -servers: only the policy of servers that keep their log in this Consul (docs/cluster.md), for which no server has to run.\n\n" +
    'Consul is found, as by its own command line, by CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN (needs acl = "write"), CONSUL_HTTP_SSL, ' +
    "CONSUL_HTTP_SSL_VERIFY, CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY.",
  connects: true,
  flags: {
    y: { kind: "boolean", about: "Ask nothing" },
    destroy: { kind: "boolean", about: "Remove what this command made, and nothing else; ends the tokens made by logins" },
    servers: { kind: "boolean", about: "Only the policy of the servers of a region (-region; default global), with which they start" },
    "jwks-url": { kind: "text", value: "url", about: `Where Consul fetches the servers' public keys. Default: ${JWKS_URL}` },
    "jwks-ca-file": { kind: "text", value: "path", about: "A CA certificate (PEM) to trust at that URL" },
  },
  async run(context) {
    noArguments(context);
    const { flags, terminal, environment } = context;
    const consul = await import("#integrations/consul");
    const address = consulOf(environment);
    const connection = consul.consulConnection(address);
    try {
      if (flags.flag("destroy")) {
        if (!flags.flag("y")) {
          const { ok, refused } = await confirmed(
            context,
            `Remove from Consul at ${connection.address} what "setup consul" made, and end the tokens of all workloads that logged in`,
            "Nothing was removed",
            "give -y",
          );
          if (!ok) return refused;
        }
        const steps = await consul.tearDownConsul(connection);
        for (const step of steps) terminal.print(line(step));
        if (steps.length === 0) terminal.print("Nothing of this command's is there");
        return 0;
      }
      if (flags.flag("servers")) return await servers(context, consul, connection);
      const setup = {
        jwksUrl: flags.text("jwks-url") ?? JWKS_URL,
        jwksCa: certificate(flags.text("jwks-ca-file")),
        namespaces: await namespaces(context),
      };
      if (!flags.flag("y")) {
        for (const { kind, name } of consul.wantedObjects(setup)) terminal.print(`  ${kind.padEnd(13)} ${name}`);
        const { ok, refused } = await confirmed(context, `Make these in Consul at ${connection.address}`, "Nothing was made", "give -y");
        if (!ok) return refused;
      }
      for (const step of await consul.setUpConsul(connection, setup)) terminal.print(line(step));
      terminal.print(
        `\nThe agents' own token needs a policy with these rules (consul acl policy create -name nomad-agents -rules @file):\n`,
      );
      terminal.print(indented(consul.AGENT_RULES));
      terminal.print(`Write into every agent's configuration, and restart it:\n`);
      terminal.print(indented(consul.agentSnippet(connection.address, address.tls)).trimEnd());
      return 0;
    } finally {
      connection.close();
    }
  },
};

async function servers(
  { flags, terminal, environment }: Context,
  consul: typeof ConsulSetUp,
  connection: ConsulConnection,
): Promise<number> {
  const region = flags.text("region") ?? environment["NOMAD_REGION"] ?? "global";
  const steps = await consul.setUpServers(connection, region);
  for (const step of steps) terminal.print(line(step));
  terminal.print(
    `\nMake a token for the servers, and write it into consul { token } of each, or give it by CONSUL_HTTP_TOKEN:\n\n` +
      `    consul acl token create -description "Drover's servers" -policy-name ${steps[0]?.name}\n\n` +
      `An agent that is a node too needs what "drover setup consul" names besides.`,
  );
  return 0;
}

/** Asked of the servers when they answer. A role for a namespace that comes later is made by running the command again. */
async function namespaces({ api, terminal }: Context): Promise<readonly string[]> {
  try {
    const { value } = await api.namespaces.list();
    return [...new Set(["default", ...value.map((each) => each.Name)])].toSorted();
  } catch (thrown) {
    terminal.complain(`No server was asked for its namespaces (${messageOf(thrown)}): a role is made for "default" only`);
    return ["default"];
  }
}

function certificate(path: string | undefined): string {
  if (path === undefined) return "";
  const text = namedFile(path, "-jwks-ca-file");
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new NamedError("CONSUL_SETUP_FILE_UNREADABLE", `Cannot use -jwks-ca-file ${JSON.stringify(path)}: there is no certificate in it`, {
    fix: "Name a PEM file: it begins with -----BEGIN CERTIFICATE-----.",
  });
}

const WORDS: Readonly<Record<SetupStep["what"], string>> = {
  made: "Made",
  changed: "Changed",
  kept: "Already there:",
  removed: "Removed",
};

function line({ what, kind, name }: SetupStep): string {
  return `${WORDS[what]} ${kind} "${name}"`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, "    ");
}
