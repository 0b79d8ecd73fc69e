/** `drover config validate`: would an agent start with these files? nomad.md §4.3. Nothing is opened, nothing is asked. */
import { hostname, networkInterfaces } from "node:os";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";

export const configValidate: Command = {
  usage: "config validate <path>...",
  about:
    "Checks an agent's configuration: files, and directories of *.hcl and *.json, merged in the order given. Every mistake is shown " +
    "with its place; files of TLS are looked at too. Exit code 1: an agent would not start with it.",
  connects: false,
  flags: {},
  async run({ arguments: paths, terminal, environment }) {
    if (paths.length === 0) throw new UsageError("This command takes one argument or more: <path>");
    const { ConfigError, loadConfig, machineConfigDisk, parseAgentFlags } = await import("../../agent/config/mod.ts");
    try {
      const config = loadConfig({
        flags: parseAgentFlags(paths.flatMap((each) => ["-config", each])),
        disk: machineConfigDisk,
        workingDirectory: process.cwd(),
        hostName: hostname(),
        networkAddresses: Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
          (addresses ?? []).map((each) => ({ interface: name, address: each.address, family: each.family, loopback: each.internal })),
        ),
        // Only -dev has one, and -dev is no file's word.
        temporaryDirectory: () => "",
        environment,
      });
      for (const warning of config.warnings) terminal.complain(`Warning: ${warning}`);
      for (const note of config.notYet) terminal.complain(`Warning: ${note}`);
      terminal.print("Configuration is valid!");
      return 0;
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown;
      terminal.complain(thrown.problems.join("\n\n"));
      terminal.complain(`\nConfiguration is invalid: ${thrown.problems.length === 1 ? "1 mistake" : `${thrown.problems.length} mistakes`}`);
      return 1;
    }
  },
};
