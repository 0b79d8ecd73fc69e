/** `drover operator raft recover` and `migrate-backend`: on the files of a server that is stopped. docs/cluster.md. */
import type { Command, Context } from "../command.ts";
import { UsageError, type FlagTable } from "../flags.ts";
import { noArguments } from "../only-argument.ts";

const CONFIG: FlagTable = {
  config: { kind: "list", value: "path", about: "The configuration the server is started with; may be repeated, as of drover agent" },
};

export const operatorRaftRecover: Command = {
  usage: "operator raft recover [options]",
  about:
    "The cluster goes on from the disk of this one server: what other servers hold beyond it is lost. For when a majority of the servers is gone " +
    "for good, or the Consul that orders the log has lost it. Stop every server, choose the one with the highest entry (without -yes this command " +
    "says it), run this there, and start it; then the others, with empty data directories where they refuse. " +
    "A private Consul without a majority goes on with this server alone.",
  connects: false,
  flags: { ...CONFIG, yes: { kind: "boolean", about: "Do it; without, it is only said what would be done" } },
  async run(context) {
    const { flags, terminal } = context;
    const words = stoppedWords(context);
    if (!flags.flag("yes")) {
      const { clusterId, lastIndex } = await (await context.stoppedServer()).look(words);
      terminal.print(`The disk of this server holds the log of cluster ${clusterId} through entry ${lastIndex}.`);
      terminal.complain(
        "Recovering makes it what the whole cluster goes on from; choose the server with the highest entry. Say -yes to do it.",
      );
      return 1;
    }
    const { clusterId, lastIndex } = await (await context.stoppedServer()).recover(words);
    terminal.print(`Cluster ${clusterId} goes on from this server, after entry ${lastIndex}. Start its agent now, then the others.`);
    return 0;
  },
};

export const operatorRaftMigrateBackend: Command = {
  usage: "operator raft migrate-backend [options]",
  about:
    "Changes who orders the log of a stopped server. -to=consul: it is to be one of several (bootstrap_expect above 1, or retry_join); its first start " +
    "makes the cluster from its disk, and the others start with empty data directories. -to=sqlite: it goes on alone.",
  connects: false,
  flags: { ...CONFIG, to: { kind: "text", value: "consul|sqlite", about: "Who orders the log from now on" } },
  async run(context) {
    const { flags, terminal } = context;
    const to = flags.text("to");
    if (to !== "consul" && to !== "sqlite") throw new UsageError("-to is required: consul or sqlite");
    const moved = await (await context.stoppedServer()).migrateBackend(stoppedWords(context), to);
    if (moved === "there already") {
      terminal.print(`The log of this server is ordered by ${to} already`);
      return 0;
    }
    terminal.print(
      to === "consul"
        ? "Moved: this server is one of several from now on. Start it with bootstrap_expect above 1 (or retry_join), then the others with empty data directories."
        : "Moved: this server stands alone from now on. Start it with bootstrap_expect = 1 and without retry_join.",
    );
    return 0;
  },
};

function stoppedWords(context: Context) {
  noArguments(context);
  const config = context.flags.list("config");
  if (config.length === 0) throw new UsageError("-config is required: the configuration the server is started with");
  return { config, environment: context.environment, tell: (line: string) => context.terminal.complain(line) };
}
