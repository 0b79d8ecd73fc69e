/** Every command of the table, as a whole: it loads, its help is whole, completion knows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "../../../../src/cli/commands/table.ts";
import { complete } from "../../../../src/cli/completion.ts";
import { commandHelp } from "../../../../src/cli/help.ts";

for (const [name, entry] of Object.entries(COMMANDS)) {
  if (entry.aliasOf !== undefined) continue;
  test(`drover ${name}: usage begins with its words, every flag but -h says what it does`, async () => {
    const command = await entry.load();
    assert.ok(command.usage === name || command.usage.startsWith(`${name} `), command.usage);
    assert.match(commandHelp(command), new RegExp(`^Usage: drover ${name}`));
    for (const [flag, { about }] of Object.entries(command.flags)) assert.notEqual(about, "", `-${flag} of ${name}`);
  });
}

const search = async (prefix: string, kind: string): Promise<readonly string[]> => [`${prefix}-${kind}`];
const completed = (line: string) => complete(line, line.length, search);

for (const [line, offered] of [
  ["drover deployment status a", "a-deployment\n"],
  ["drover deployment promote a", "a-deployment\n"],
  ["drover job why w", "w-jobs\n"],
  ["drover job tag apply w", "w-jobs\n"],
  ["drover scaling policy info 1", "1-scaling_policy\n"],
  ["drover node pool info d", "d-node_pools\n"],
  ["drover deployment list x", ""],
  ["drover job run x", ""],
  ["drover start w", "w-jobs\n"],
  ["drover job per", "periodic\n"],
  ["drover job periodic f", "force\n"],
] as const) {
  test(`completion of "${line}" offers ${JSON.stringify(offered)}`, async () => assert.equal(await completed(line), offered));
}

test("completion offers a new command's flags", async () => {
  assert.equal(await completed("drover job dispatch -id"), "-id-prefix-template\n-idempotency-token\n");
});
