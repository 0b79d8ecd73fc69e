/**
 * Runs every *.txt beside it: configuration files, flags, and what the agent says of them. Sections:
 *   -- flags --        one flag a line; default: -config /etc/drover
 *   -- disk --         `path kind` a line: what else there is (`/opt/link symlink`, `/opt/ro directory read-only`)
 *   -- user --         with it: not root
 *   -- <file> --       a file; relative names lie in /etc/drover
 *   -- says --         the problems; or, when it loads, `notYet` and `warnings`
 * `DROVER_WRITE=1` writes what came out instead of comparing.
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ConfigError, loadConfig, parseAgentFlags } from "../../../src/agent/config/mod.ts";
import type { DiskEntry } from "../../../src/agent/config/config-disk.ts";
import { type MemoryEntry, memoryDisk } from "../../unit/agent/config/memory-disk.ts";

const here = new URL("./", import.meta.url);
for (const file of readdirSync(here)
  .filter((name) => name.endsWith(".txt"))
  .sort()) {
  test(`the agent says of ${file} what is written there`, () => {
    const source = readFileSync(new URL(file, here), "utf8");
    const said = run(sectionsOf(source));
    if (process.env["DROVER_WRITE"] === "1") {
      writeFileSync(
        new URL(file, here),
        source.replace(/(^-- says --\n)[\s\S]*$/m, (_, head: string) => head + said),
      );
    } else {
      assert.equal(said, sectionsOf(source).get("says"));
    }
  });
}

function run(sections: ReadonlyMap<string, string>): string {
  const lines = (name: string) => (sections.get(name) ?? "").split("\n").filter((line) => line !== "");
  const entries: Record<string, string | MemoryEntry> = { "/etc/drover": { kind: "directory" } };
  for (const line of lines("disk")) {
    const [path = "", kind = "", mode = ""] = line.split(" ");
    entries[path] = { kind: kind as DiskEntry, writable: mode !== "read-only" };
  }
  for (const [name, text] of sections) {
    if (!["flags", "disk", "user", "says"].includes(name)) entries[name.startsWith("/") ? name : `/etc/drover/${name}`] = text;
  }
  try {
    const config = loadConfig({
      flags: parseAgentFlags(sections.has("flags") ? lines("flags").flatMap((line) => line.split(" ")) : ["-config", "/etc/drover"]),
      disk: memoryDisk(entries),
      workingDirectory: "/home",
      hostName: "host",
      networkAddresses: [{ interface: "eth0", address: "10.0.0.5", family: "IPv4", loopback: false }],
      temporaryDirectory: () => "/tmp/drover-dev",
      makesNetworks: !sections.has("user"),
    });
    return (
      [...config.notYet.map((each) => `not yet: ${each}`), ...config.warnings.map((each) => `warning: ${each}`), "loaded"].join("\n") + "\n"
    );
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    return `${thrown.message}\n`;
  }
}

function sectionsOf(source: string): Map<string, string> {
  const parts = source.split(/^-- (.+) --\n/m);
  return new Map(parts.flatMap((part, index) => (index % 2 === 1 ? [[part, parts[index + 1] ?? ""] as const] : [])));
}
