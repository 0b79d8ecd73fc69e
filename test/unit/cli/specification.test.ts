/** Things written in files, through the commands that read them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Command } from "../../../src/cli/command.ts";
import { namespaceApply } from "../../../src/cli/commands/namespace.ts";
import { nodePoolApply } from "../../../src/cli/commands/node-pool.ts";
import { answered, fakeContext } from "./fake-context.ts";

const folder = mkdtempSync(join(tmpdir(), "drover-specification-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function applied(command: Command, text: string, ...words: readonly string[]): Promise<unknown> {
  const file = join(folder, "it.hcl");
  writeFileSync(file, text);
  let written: unknown;
  const write = async (record: unknown) => ((written = record), answered(null));
  const { context } = fakeContext({ words: [...words, file], flags: command.flags, api: { namespaces: { write }, nodePools: { write } } });
  assert.equal(await command.run(context), 0);
  return written;
}

test("a namespace in HCL becomes the API's record", async () => {
  const text = `name = "team"
description = "d"
meta { owner = "me" }
capabilities {
  enabled_task_drivers = ["exec", "docker"]
  disabled_network_modes = ["host"]
}`;
  assert.deepEqual(await applied(namespaceApply, text), {
    Name: "team",
    Description: "d",
    Meta: { owner: "me" },
    Capabilities: { EnabledTaskDrivers: ["exec", "docker"], DisabledNetworkModes: ["host"] },
  });
  assert.deepEqual(await applied(namespaceApply, 'name = "t"\nmeta = { a = "b" }'), { Name: "t", Meta: { a: "b" } });
});

test("a node pool takes its name from the block's label", async () => {
  assert.deepEqual(await applied(nodePoolApply, 'node_pool "gpu" {\n  scheduler_config {\n    scheduler_algorithm = "spread"\n  }\n}'), {
    Name: "gpu",
    SchedulerConfiguration: { SchedulerAlgorithm: "spread" },
  });
});

test("with -json the file is the API's record", async () => {
  assert.deepEqual(await applied(nodePoolApply, '{"Name": "gpu", "Meta": {"a": "b"}}', "-json"), { Name: "gpu", Meta: { a: "b" } });
});

for (const [text, said] of [
  ['description = "x"', /a name is missing/],
  ['name = "a"\ncapabilites {}', /it\.hcl:2:1: Unknown key "capabilites" in the file[\s\S]*Did you mean "capabilities"\?/],
  ['name = "a"\ncapabilities {\n  drivers = []\n}', /it\.hcl:3:3: Unknown key "drivers" in capabilities/],
  ['name = "a"\nname {}', /Expected name = …, found a block/],
  ['name = "a"\ncapabilities = 1', /Expected a block: capabilities/],
  ["name = ", /it\.hcl:1:/],
  ["name = foo", /Unknown name "foo"/],
  ["\u0000\u0001", /it\.hcl:1:1/],
] as const) {
  test(`a namespace written ${JSON.stringify(text)} is refused with its place`, async () => {
    await assert.rejects(applied(namespaceApply, text), { code: "SPECIFICATION_INVALID", message: said });
  });
}

for (const [text, said] of [
  ['node_pool "a" {}\nnode_pool "b" {}', /Only one node_pool block/],
  ['node_pool "a" {}\nmeta = {}', /Unknown key "meta" beside node_pool/],
  ["node_pool {}", /a name is missing/],
  ["[1]", /it\.hcl/],
] as const) {
  test(`a node pool written ${JSON.stringify(text)} is refused`, async () => {
    await assert.rejects(applied(nodePoolApply, text), { code: "SPECIFICATION_INVALID", message: said });
  });
}

test("JSON that is none is refused", async () => {
  await assert.rejects(applied(nodePoolApply, "{", "-json"), /Cannot read JSON/);
  await assert.rejects(applied(nodePoolApply, "[]", "-json"), /want an object/);
});

test("namespace apply by name changes what the flags name and keeps the rest", async () => {
  let written: unknown;
  const before = { Name: "dev", Description: "old", Meta: { a: "b" }, Quota: "" };
  const { context } = fakeContext({
    words: ["-description", "new", "dev"],
    flags: namespaceApply.flags,
    api: { namespaces: { list: async () => answered([before]), write: async (record: unknown) => ((written = record), answered(null)) } },
  });
  assert.equal(await namespaceApply.run(context), 0);
  assert.deepEqual(written, { ...before, Description: "new" });
});
