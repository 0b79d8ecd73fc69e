/**
 * Door 1: words typed by a person.
 *
 * What comes in: argv, the environment, a terminal. What goes out: an exit code, and text: Nomad's columns, diffs and monitors.
 * The way: words → command (commands/table.ts) → flags (flags.ts) → request (#api/client) → rendering (render/).
 *
 * Invariants: a command's file is loaded only when it runs, and no server code ever is, so a command is as quick as Node. Colour
 * and moving text only on a terminal. What a script reads goes to standard output, everything else to standard error. Failures
 * are one clear line and a fix, never a stack trace. Exit codes are nomad.md §4.2's.
 *
 * Never here: a decision about jobs (the servers make them), a second shape of an API answer.
 *
 * Read next: commands/table.ts, then commands/job-run.ts, monitor-deployment.ts; ../api/contract/mod.ts for the other door.
 */
import assert from "node:assert/strict";
import { NamedError, messageOf, nearest } from "#std";
import type { ApiClient, ClientFlags } from "#api/client";
import { tooManyArguments } from "./argument-count.ts";
import { CONNECTION_FLAGS, DISPLAY_FLAGS, type Command, type Context } from "./command.ts";
import { COMMANDS } from "./commands/table.ts";
import type { CompletionSource, TypedFlags } from "./completion.ts";
import { DATA_FLAGS } from "./data-output.ts";
import { isTrue, parseFlags, UsageError, type ParsedFlags } from "./flags.ts";
import { commandHelp, groupHelp, overview } from "./help.ts";
import { noServer, type StoppedServerDoor } from "./stopped-server.ts";
import { processTerminal } from "./terminal.ts";

/** Runs one command line; answers its exit code. */
export async function runCommand(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  stoppedServer: StoppedServerDoor = noServer,
): Promise<number> {
  watchOutputs();
  if (environment["COMP_LINE"] !== undefined) {
    return completeLine(environment["COMP_LINE"], environment);
  }
  const first = words[0];
  if (first === "-v" || first === "-version" || first === "--version") return runCommand(["version"], environment);
  if (first === "-autocomplete-install" || first === "-autocomplete-uninstall") {
    const { installCompletion } = await import("./completion.ts");
    return installCompletion({ remove: first.endsWith("uninstall"), environment });
  }
  // `drover help job run` is `drover job run -h`.
  if (first === "help" && words.length > 1) return runCommand([...words.slice(1), "-h"], environment, stoppedServer);
  if (first === undefined || /^--?(h|help)$/.test(first) || first === "help") {
    process.stdout.write(overview());
    return first === undefined ? 127 : 0;
  }

  const found = findCommand(words);
  if (found === undefined) return explainUnknown(words);
  const command = await found.load();
  return execute(command, found.rest, environment, stoppedServer);
}

/** `drover … | head` closes the pipe early: that is no error. A full disk is one. */
function watchOutputs(): void {
  if (process.stdout.listeners("error").includes(onOutputError)) return;
  process.stdout.on("error", onOutputError);
  // Nobody is left to tell.
  process.stderr.on("error", () => undefined);
}

function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`drover: Cannot write to standard output: ${messageOf(error)}\n`);
  process.exit(1);
}

async function completeLine(line: string, environment: Readonly<Record<string, string | undefined>>): Promise<number> {
  const { complete } = await import("./completion.ts");
  const open: ApiClient[] = [];
  const connect = async (flags: TypedFlags) => {
    const { clientOptions, createApiClient } = await import("#api/client");
    const api = createApiClient(clientOptions(environment, connectionFlags({ text: (name) => flags[name] })));
    open.push(api);
    return api;
  };
  const source: CompletionSource = {
    async ids(prefix, kind, flags) {
      // Access control is nothing one can search in.
      if (kind.startsWith("acl ")) return (await import("./acl-names.ts")).aclNames(await connect(flags), kind, prefix);
      const { value } = await (await connect(flags)).search({ Prefix: prefix, Context: kind as "jobs" });
      return Object.values(value.Matches).flatMap((ids) => ids ?? []);
    },
    async versions(job, flags) {
      const { value } = await (await connect(flags)).jobs.versions(job, false);
      return value.Versions.flatMap((each) => [String(each.Version), ...(each.VersionTag === null ? [] : [each.VersionTag.Name])]);
    },
  };
  process.stdout.write(await complete(line, Number(environment["COMP_POINT"] ?? line.length), source));
  await Promise.all(open.map((api) => api.close()));
  return 0;
}

function findCommand(words: readonly string[]): { load: () => Promise<Command>; rest: readonly string[] } | undefined {
  for (const length of [4, 3, 2, 1]) {
    const name = words.slice(0, length).join(" ");
    const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (entry !== undefined && words.length >= length) return { load: entry.load, rest: words.slice(length) };
  }
  return undefined;
}

async function explainUnknown(words: readonly string[]): Promise<number> {
  if ((words[0] as string).startsWith("-")) {
    process.stderr.write(
      `drover: no command ${JSON.stringify(words[0])}: options follow the command, as in "drover job status -namespace=team"\nSee "drover -h" for all commands.\n`,
    );
    return 127;
  }
  const { explainAwaited } = await import("./commands/awaited.ts");
  const awaited = explainAwaited(words, Object.keys(COMMANDS));
  if (awaited !== undefined) {
    process.stderr.write(awaited);
    return 1;
  }
  const pair = groupHelp(words.slice(0, 2).join(" "));
  if (words.length > 1 && pair !== undefined) {
    process.stdout.write(pair);
    return words[2] === undefined ? 1 : 0;
  }
  const group = groupHelp(words[0] as string);
  const second = words[1];
  if (group !== undefined && (second === undefined || second.startsWith("-"))) {
    process.stdout.write(group);
    return second === undefined ? 1 : 0;
  }
  const both = second === undefined || second.startsWith("-") ? undefined : `${words[0] as string} ${second}`;
  const asked = group === undefined ? (words[0] as string) : (both as string);
  const near =
    (both === undefined ? undefined : nearest(both, Object.keys(COMMANDS))) ?? nearest(asked, ["agent", ...Object.keys(COMMANDS)]);
  process.stderr.write(
    `drover: no command ${JSON.stringify(asked)}${near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`}\nSee "drover -h" for all commands.\n`,
  );
  return 127;
}

async function execute(
  command: Command,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  stoppedServer: StoppedServerDoor,
): Promise<number> {
  const table = { ...DISPLAY_FLAGS, ...(command.connects ? CONNECTION_FLAGS : {}), ...command.flags };
  let flags: ParsedFlags;
  try {
    flags = parseFlags(words, table, command.foreignWords === true);
  } catch (error) {
    process.stderr.write(`drover: ${messageOf(error)}\nSee "drover ${wordsOf(command)} -h".\n`);
    return command.failureCode?.(error) ?? 1;
  }
  if (flags.flag("help") || flags.flag("h")) {
    process.stdout.write(commandHelp(command));
    return 0;
  }
  const misuse = misuseOf(command, flags);
  if (misuse !== undefined) return explainMisuse(command, flags.arguments, misuse);

  const plain = flags.flag("no-color") || (environment["NOMAD_CLI_NO_COLOR"] ?? "") !== "" || (environment["NO_COLOR"] ?? "") !== "";
  const forced = flags.flag("force-color") || (environment["NOMAD_CLI_FORCE_COLOR"] ?? "") !== "";
  const interrupt = new AbortController();
  const terminal = processTerminal({ colour: plain ? false : forced ? true : undefined, interrupt });
  const onInterrupt = () => {
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort();
  };
  process.on("SIGINT", onInterrupt);

  const door = command.connects ? await import("#api/client") : undefined;
  let api: ApiClient | undefined;
  const connect = (more: ClientFlags): ApiClient => {
    assert(door !== undefined, "this command does not connect");
    return door.createApiClient(door.clientOptions(environment, { ...connectionFlags(flags), ...more }));
  };
  const namespace = flags.text("namespace") ?? environment["NOMAD_NAMESPACE"] ?? "";
  const context: Context = {
    flags,
    arguments: flags.arguments,
    terminal,
    environment,
    namespace,
    stoppedServer,
    nowMs: () => Date.now(),
    interrupted: interrupt.signal,
    get api() {
      return (api ??= connect({}));
    },
    apiAt: (address) => connect({ address }),
  };
  try {
    return await command.run(context);
  } catch (error) {
    if (interrupt.signal.aborted) return 130;
    return complain(error, terminal.complain, command);
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

/** What is wrong with the words as a whole, of any command. */
function misuseOf(command: Command, flags: ParsedFlags): string | undefined {
  const tooMany = tooManyArguments(command.usage, flags.arguments.length);
  if (tooMany !== undefined) return tooMany;
  // -json of job plan is about what comes in.
  const both = command.flags["json"] === DATA_FLAGS["json"] && flags.flag("json") && flags.given("t");
  return both ? "-json and -t cannot both be given" : undefined;
}

async function explainMisuse(command: Command, words: readonly string[], misuse: string): Promise<number> {
  // `monitor export` begins like a command that is there.
  const { explainAwaited } = await import("./commands/awaited.ts");
  const awaited = explainAwaited([...wordsOf(command).split(" "), ...words], []);
  if (awaited === undefined) return complain(new UsageError(misuse), (text) => void process.stderr.write(`${text}\n`), command);
  process.stderr.write(awaited);
  return 1;
}

function wordsOf(command: Command): string {
  return command.usage.split(/ [[<]/)[0] as string;
}

function complain(error: unknown, print: (text: string) => void, command: Command): number {
  if (error instanceof UsageError) {
    print(`drover: ${error.message}\nUsage: drover ${command.usage}\nSee "drover ${wordsOf(command)} -h".`);
  } else {
    print(`Error: ${messageOf(error)}`);
    if (error instanceof NamedError && error.fix !== undefined) print(error.fix);
  }
  return command.failureCode?.(error) ?? 1;
}

/** What the flags say about where to connect; #api/client adds what NOMAD_* say. */
function connectionFlags(flags: Pick<ParsedFlags, "text">): ClientFlags {
  const skipVerify = flags.text("tls-skip-verify");
  return {
    address: flags.text("address"),
    region: flags.text("region"),
    namespace: flags.text("namespace"),
    token: flags.text("token"),
    caCert: flags.text("ca-cert"),
    caPath: flags.text("ca-path"),
    clientCert: flags.text("client-cert"),
    clientKey: flags.text("client-key"),
    tlsServerName: flags.text("tls-server-name"),
    tlsSkipVerify: skipVerify === undefined ? undefined : isTrue(skipVerify),
  };
}
