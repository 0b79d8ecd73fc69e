/** `drover mesh check`: may one service call another, and if not, where does the call end? Drover's own. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { meshCheckText } from "../render/mesh.ts";

export const meshCheck: Command = {
  usage: "mesh check [options] <source> <destination>",
  about: `Says whether the service <source> can call the service <destination> over the mesh: every step of the way, and how to mend what is not well.
Both are names of services. Exits 0 when it can, 1 when it cannot, or when not every step could be seen.`,
  connects: true,
  flags: { ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api, namespace } = context;
    const [source, destination, ...more] = context.arguments;
    if (source === undefined || destination === undefined || more.length > 0) {
      throw new UsageError("This command takes two arguments: <source> and <destination>, names of services");
    }
    const { value: check } = await api.mesh.check(source, destination, namespace === "" ? {} : { namespace });
    if (flags.flag("json") || flags.given("t")) printData(terminal, check, flags.text("t"));
    else terminal.print(meshCheckText(check, terminal.colours));
    return check.Verdict === "reachable" ? 0 : 1;
  },
};
