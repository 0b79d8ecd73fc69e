/** `drover node pool init`: nomad.md §4.3. */
import { existsSync, writeFileSync } from "node:fs";
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";

const EXAMPLE = `node_pool "example" {
  description = "Nodes for an example"

  # Whatever helps people and programs to know the pool.
  meta {
    environment = "example"
    owner       = "nobody"
  }

  # How long a node's own token lasts before it has a new one.
  node_identity_ttl = "24h"

  # Instead of what the whole cluster does (drover operator scheduler get-config).
  scheduler_config {
    scheduler_algorithm             = "spread"
    memory_oversubscription_enabled = false
  }
}
`;
const EXAMPLE_JSON = `${JSON.stringify(
  {
    Name: "example",
    Description: "Nodes for an example",
    Meta: { environment: "example", owner: "nobody" },
    NodeIdentityTTL: 24 * 3_600 * 1e9,
    SchedulerConfiguration: { SchedulerAlgorithm: "spread", MemoryOversubscriptionEnabled: false },
  },
  null,
  2,
)}\n`;

export const nodePoolInit: Command = {
  usage: "node pool init [options] [<file>]",
  about: "Writes an example of a node pool, pool.nomad.hcl unless another name is given. A file that is there is left alone.",
  connects: false,
  flags: {
    json: { kind: "boolean", about: "As JSON, pool.nomad.json" },
    out: { kind: "text", value: "file", about: "Where to" },
    quiet: { kind: "boolean", about: "Say nothing" },
  },
  async run({ flags, terminal, arguments: words }) {
    if (words.length > 1) throw new UsageError("This command takes at most one argument: <file>");
    const file = words[0] ?? flags.text("out") ?? (flags.flag("json") ? "pool.nomad.json" : "pool.nomad.hcl");
    if (existsSync(file))
      throw new NamedError("FILE_EXISTS", `Cannot write ${JSON.stringify(file)}: it already exists`, {
        fix: "Name another file, or remove it first.",
      });
    writeFileSync(file, flags.flag("json") ? EXAMPLE_JSON : EXAMPLE, { flag: "wx" });
    if (!flags.flag("quiet")) terminal.print(`Example node pool specification written to ${file}`);
    return 0;
  },
};
