/** `drover acl bootstrap`: the first token, which may everything. nomad.md §4.3. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printedAsData } from "../data-output.ts";
import { tokenText } from "../render/acl.ts";
import { readText } from "../specification.ts";

export const aclBootstrap: Command = {
  usage: "acl bootstrap [options] [<file>]",
  about:
    'Makes the first management token, once. Its secret is made by the servers, or is the UUID in a file ("-": standard input), so that other programs know it before.',
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { api, terminal } = context;
    const path = context.arguments[0];
    const secret = path === undefined ? "" : (await readText(context, path)).trim();
    const { value: token } = await api.acl.bootstrap(secret);
    if (!printedAsData(context, token)) terminal.print(tokenText(token, terminal.colours));
    return 0;
  },
};
