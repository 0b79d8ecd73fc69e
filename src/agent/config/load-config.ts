/**
 * Files, directories and flags → Config. In order: files as named, those of a directory by name, flags last.
 *
 *   paths ──► texts ──► settings (one file each) ──► merged ──► judged by the key table ──► resolved ──► directories checked
 */
import path from "node:path";
import { Concealed, messageOf } from "#std";
import type { NetworkAddress } from "./addresses.ts";
import type { AgentFlags } from "./agent-flags.ts";
import type { ClientConfig, Config } from "./config.ts";
import type { ConfigDisk } from "./config-disk.ts";
import { ConfigError } from "./config-error.ts";
import { checkDirectories } from "./directories.ts";
import { readFile } from "./read-file.ts";
import { resolveConfig } from "./resolve.ts";
import { NO_SETTINGS, type Settings, mergeConfig } from "./settings.ts";
import { judge, writtenTree } from "./standings.ts";
import { checkTlsFiles } from "./tls-files.ts";

export interface LoadRequest {
  readonly flags: AgentFlags;
  readonly disk: ConfigDisk;
  /** Relative paths of -config start here. */
  readonly workingDirectory: string;
  readonly hostName: string;
  readonly networkAddresses: readonly NetworkAddress[];
  /** Called for -dev without data_dir; must give the same directory at every reload. */
  readonly temporaryDirectory: () => string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** May this process make networks? Asked for -dev-connect; default: it is root, on Linux. */
  readonly makesNetworks?: boolean;
}

/** Throws ConfigError with every mistake found. */
export function loadConfig(request: LoadRequest): Config {
  const { flags, disk } = request;
  const problems: string[] = [];
  const files = flags.configPaths.flatMap((given) => filesAt(path.resolve(request.workingDirectory, given), given, disk, problems));
  const fromFiles = files.reduce((before, file) => mergeConfig(before, readOne(file, disk, problems)), NO_SETTINGS);
  const settings = mergeConfig(fromFiles, flags.settings);
  if (flags.devConnect && !(request.makesNetworks ?? (process.platform === "linux" && process.getuid?.() === 0)))
    problems.push(
      "flag -dev-connect: networks of allocations are made by root on Linux only\nStart it with sudo; or with -dev-consul, which needs no networks.",
    );
  // What could not be read would be reported as missing: first things first.
  if (problems.length > 0) throw new ConfigError(problems);
  const standings = judge(settings);
  const resolved = resolveConfig(settings, {
    ...request,
    dev: flags.dev,
    devConsul: flags.devConsul,
    devVault: flags.devVault,
    devConnect: flags.devConnect,
    files,
  });
  const config = { ...resolved.config, client: introduced(resolved.config.client, disk) };
  const faults = [
    ...standings.problems,
    ...resolved.problems,
    ...checkDirectories(config, settings, disk),
    ...checkTlsFiles(config, settings, disk),
  ];
  if (faults.length > 0) throw new ConfigError(faults);
  return { ...config, written: writtenTree(settings), notYet: standings.notYet };
}

/** Where the environment holds no token for a node's introduction, a file beside its state may. */
function introduced(client: ClientConfig, disk: ConfigDisk): ClientConfig {
  const file = path.join(client.stateDirectory, "intro_token.jwt");
  if (client.introductionToken.reveal() !== "" || !client.enabled || disk.kind(file) === "missing") return client;
  try {
    return { ...client, introductionToken: new Concealed(disk.read(file).trim()) };
  } catch {
    // A node that is known already needs none.
    return client;
  }
}

/** Of a directory: *.hcl and *.json by name, not those of editors, not below. */
function filesAt(file: string, given: string, disk: ConfigDisk, problems: string[]): readonly string[] {
  if (disk.kind(file) === "missing") {
    problems.push(`-config ${JSON.stringify(given)}: no such file or directory`);
    return [];
  }
  if (!disk.isDirectory(file)) return [file];
  try {
    return disk
      .list(file)
      .filter((name) => /\.(hcl|json)$/.test(name) && !/^[.#]|~$|#$/.test(name))
      .map((name) => path.join(file, name))
      .filter((each) => !disk.isDirectory(each))
      .sort();
  } catch (thrown) {
    problems.push(`-config ${JSON.stringify(given)}: cannot be read: ${messageOf(thrown)}`);
    return [];
  }
}

function readOne(file: string, disk: ConfigDisk, problems: string[]): Settings {
  let text: string;
  try {
    text = disk.read(file);
  } catch (thrown) {
    problems.push(`${file}: cannot be read: ${messageOf(thrown)}`);
    return NO_SETTINGS;
  }
  const read = readFile(file, text);
  problems.push(...read.problems);
  return read.settings;
}
