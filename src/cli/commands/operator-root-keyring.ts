/** `drover operator root keyring list`, `rotate`, `remove`: nomad.md §4.3, §4.4. */
import { endpointPath, type RootKeyAnswer } from "#api/contract";
import { NamedError } from "#std";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { type FlagTable, UsageError } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { table } from "../render/columns.ts";
import { timestamp } from "../render/time.ts";

const VERBOSE: FlagTable = { verbose: { kind: "boolean", about: "Full ids, and what each key signs with" } };

export const operatorRootKeyringList: Command = {
  usage: "operator root keyring list [options]",
  about: "Lists the keys identities are signed with. They are never shown themselves.",
  connects: true,
  flags: { ...DATA_FLAGS, ...VERBOSE },
  async run(context) {
    const { flags, terminal } = context;
    noArguments(context);
    const keys = await allKeys(context);
    if (flags.flag("json") || flags.given("t")) printData(terminal, keys, flags.text("t"));
    else terminal.print(keyTable(keys, flags.flag("verbose")));
    return 0;
  },
};

export const operatorRootKeyringRotate: Command = {
  usage: "operator root keyring rotate [options]",
  about:
    "Makes a new root key: at once (-now), or known before it is used (-prepublish), so that whoever verifies identities has fetched it by then. One of the two must be given. What older keys signed stays valid.",
  connects: true,
  flags: {
    full: { kind: "boolean", about: "Seal what older keys sealed anew, too" },
    now: { kind: "boolean", about: "Use the new key at once" },
    prepublish: { kind: "duration", value: "duration", about: "Use it after so long, and publish it now" },
    ...VERBOSE,
  },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const ahead = flags.duration("prepublish");
    if (flags.flag("now") === (ahead !== undefined)) throw new UsageError("One of -now and -prepublish must be given");
    if (flags.flag("full") && ahead !== undefined)
      throw new UsageError("-full and -prepublish do not go together: a key that is not used yet seals nothing");
    if (ahead !== undefined && ahead <= 0) throw new UsageError("-prepublish wants a time to come");
    const parameters = {
      full: flags.flag("full") || undefined,
      publish_time: ahead === undefined ? undefined : String(Math.round(context.nowMs() + ahead / 1e6) * 1_000_000),
    };
    const { value } = await api.request.put<{ readonly Key: RootKeyAnswer }>(endpointPath("keyring-rotate", {}), undefined, { parameters });
    terminal.print(keyTable([value.Key], flags.flag("verbose")));
    return 0;
  },
};

export const operatorRootKeyringRemove: Command = {
  usage: "operator root keyring remove [options] <key>",
  about:
    "Removes an inactive root key: what it signed is not believed any more. A key is named by its id, or so much of it that no other begins so.",
  connects: true,
  flags: { force: { kind: "boolean", about: "Even if something that lives may hold an identity it signed" } },
  async run(context) {
    const { flags, terminal, api } = context;
    const { KeyID } = named(await allKeys(context), onlyArgument(context, "<key>"));
    await api.request.delete(endpointPath("keyring-key", { id: KeyID }), { parameters: { force: flags.flag("force") || undefined } });
    terminal.print(`Removed encryption key ${KeyID}`);
    return 0;
  },
};

async function allKeys({ api }: Context): Promise<readonly RootKeyAnswer[]> {
  const { value } = await api.request.get<readonly RootKeyAnswer[]>(endpointPath("keyring-keys", {}));
  return value.toSorted((a, b) => a.CreateIndex - b.CreateIndex);
}

function named(keys: readonly RootKeyAnswer[], typed: string): RootKeyAnswer {
  const found = typed === "" ? [] : keys.filter(({ KeyID }) => KeyID.startsWith(typed));
  const first = keys.find(({ KeyID }) => KeyID === typed) ?? found[0];
  if (first === undefined) throw new NamedError("ID_UNKNOWN", `No root key(s) with prefix or id ${JSON.stringify(typed)} found`);
  if (first.KeyID !== typed && found.length > 1) {
    throw new NamedError("ID_AMBIGUOUS", `Prefix ${JSON.stringify(typed)} matched multiple root keys\n\n${keyTable(found, true)}`);
  }
  return first;
}

function keyTable(keys: readonly RootKeyAnswer[], verbose: boolean): string {
  return table([
    ["Key", "State", "Create Time", "Publish Time", ...(verbose ? ["Signs With"] : [])],
    ...keys.map((key) => [
      verbose ? key.KeyID : key.KeyID.slice(0, 8),
      key.State,
      timestamp(key.CreateTime),
      key.PublishTime === 0 ? "<none>" : timestamp(key.PublishTime),
      ...(verbose ? [key.SigningAlgorithm] : []),
    ]),
  ]);
}
