/** `drover operator snapshot save`, `inspect` and `restore`: nomad.md §4.3, §4.4. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { NamedError, messageOf, readTar } from "#std";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { onlyArgument } from "../only-argument.ts";
import { keyValues, table } from "../render/columns.ts";

export const operatorSnapshotSave: Command = {
  usage: "operator snapshot save [options] [<file>]",
  about: "Writes the servers' whole state to a file. It holds secrets: keep it as safe as the servers' own disks.",
  connects: true,
  flags: { stale: { kind: "boolean", about: "From any server, even when none leads" } },
  async run({ flags, terminal, api, arguments: words, nowMs, interrupted }) {
    if (words.length > 1) throw new UsageError("This command takes at most one argument: <file>");
    const file = words[0] ?? `drover-state-${new Date(nowMs()).toISOString().replaceAll(/[:.]/g, "-")}.snap`;
    // Half a snapshot under the name of a whole one would be worse than none.
    const unfinished = `${file}.unfinished`;
    // Before anything is asked for: a stream nobody reads would hold the process.
    const descriptor = openForWriting(unfinished, file);
    try {
      for await (const data of await api.system.saveSnapshot({ stale: flags.flag("stale"), signal: interrupted }))
        writeSync(descriptor, data);
      closeSync(descriptor);
      readSnapshot(unfinished);
      renameSync(unfinished, file);
    } catch (error) {
      rmSync(unfinished, { force: true });
      throw error;
    }
    terminal.print(`State file written to ${file}`);
    return 0;
  },
};

function openForWriting(path: string, file: string): number {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such folder" : messageOf(error);
    throw new NamedError("FILE_UNWRITABLE", `Cannot write ${JSON.stringify(file)}: ${reason}`, { cause: error });
  }
}

export const operatorSnapshotInspect: Command = {
  usage: "operator snapshot inspect [options] <file>",
  about: "Shows what a snapshot file holds, and that it is whole.",
  connects: false,
  flags: DATA_FLAGS,
  async run(context) {
    const { flags, terminal } = context;
    const found = readSnapshot(onlyArgument(context, "<file>"));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, found, flags.text("t"));
      return 0;
    }
    const { meta, files } = found;
    const size = files.reduce((sum, each) => sum + each.size, 0);
    terminal.print(
      keyValues([
        ["Created", meta.Created],
        ["ID", meta.ID],
        ["Size", String(size)],
        ["Index", String(meta.Index)],
        ["Term", String(meta.Term)],
        ["Version", String(meta.Version)],
      ]),
    );
    terminal.print(`\n${table([["File", "Size"], ...files.map((each) => [each.name, String(each.size)])])}`);
    return 0;
  },
};

export const operatorSnapshotState: Command = {
  usage: "operator snapshot state [options] <file>",
  about: "Shows everything a snapshot file holds as JSON, but for secrets: what is sealed, and what opens something.",
  connects: false,
  flags: {},
  async run(context) {
    const file = onlyArgument(context, "<file>");
    readSnapshot(file);
    const tables = await (await context.stoppedServer()).stateInArchive(readFileSync(file));
    context.terminal.print(JSON.stringify(tables, null, 2));
    return 0;
  },
};

/** Larger states take longer than an ordinary request. */
const RESTORE_TIMEOUT_MS = 600_000;

export const operatorSnapshotRestore: Command = {
  usage: "operator snapshot restore [options] <file>",
  about: "Puts what a snapshot file holds in the place of everything the servers know.",
  connects: true,
  flags: {},
  async run(context) {
    const { terminal, api, interrupted } = context;
    const file = onlyArgument(context, "<file>");
    // Damage is told before anything is sent.
    readSnapshot(file);
    await api.system.restoreSnapshot(readFileSync(file), { signal: interrupted, timeoutMs: RESTORE_TIMEOUT_MS });
    terminal.print("Snapshot Restored");
    return 0;
  },
};

interface SnapshotFile {
  readonly meta: { readonly ID: string; readonly Index: number; readonly Term: number; readonly Version: number; readonly Created: string };
  readonly files: readonly { readonly name: string; readonly size: number }[];
}

/** Throws NamedError SNAPSHOT_INVALID: unreadable, cut off, or not what its sums say. */
export function readSnapshot(file: string): SnapshotFile {
  const refuse = (why: string, cause?: unknown) =>
    new NamedError("SNAPSHOT_INVALID", `Cannot read snapshot ${JSON.stringify(file)}: ${why}`, { cause });
  let entries: readonly { readonly name: string; readonly content: Buffer }[];
  try {
    entries = readTar(gunzipSync(readFileSync(file)));
  } catch (error) {
    throw refuse((error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : messageOf(error), error);
  }
  const content = (name: string) => {
    const found = entries.find((each) => each.name === name);
    if (found === undefined) throw refuse(`${name} is missing`);
    return found.content;
  };
  for (const line of content("SHA256SUMS").toString("utf8").trim().split("\n")) {
    const [sum, name] = line.split(/\s+/) as [string, string];
    if (createHash("sha256").update(content(name)).digest("hex") !== sum) throw refuse(`${name} is not what its checksum says`);
  }
  return {
    meta: JSON.parse(content("meta.json").toString("utf8")) as SnapshotFile["meta"],
    files: entries.map((each) => ({ name: each.name, size: each.content.length })),
  };
}
