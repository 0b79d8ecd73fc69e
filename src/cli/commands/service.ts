/** `drover service list`, `info` and `delete`: services registered without Consul. nomad.md §4.3, §4.4. */
import { endpointPath, type NamespaceServices } from "#api/contract";
import type { ServiceRegistration } from "#model";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { PAGE_FLAGS, pageQuery, tellNextPage } from "../paging.ts";
import { table } from "../render/columns.ts";

export const serviceList: Command = {
  usage: "service list [options]",
  about: "Lists registered services.",
  connects: true,
  flags: { ...PAGE_FLAGS, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value: all, nextToken } = await api.request.get<readonly NamespaceServices[]>(endpointPath("services", {}), pageQuery(flags));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, all, flags.text("t"));
      return 0;
    }
    const everywhere = context.namespace === "*";
    const rows = all.flatMap(({ Namespace, Services }) =>
      Services.map((each) => [each.ServiceName, ...(everywhere ? [Namespace] : []), `[${each.Tags.join(",")}]`]),
    );
    if (rows.length === 0) terminal.print("No service registrations found");
    else terminal.print(table([["Service Name", ...(everywhere ? ["Namespace"] : []), "Tags"], ...rows]));
    tellNextPage(terminal, "service list", nextToken, flags);
    return 0;
  },
};

export const serviceInfo: Command = {
  usage: "service info [options] <service>",
  about: "Lists where a service is.",
  connects: true,
  flags: { ...PAGE_FLAGS, ...DATA_FLAGS, verbose: { kind: "boolean", about: "Full ids" } },
  run: showService,
};

export const serviceDelete: Command = {
  usage: "service delete <service> <id>",
  about:
    "Takes a registration out of the registry, by the id `service info -json` shows. While what it tells of lives, its node puts it back.",
  connects: true,
  flags: {},
  async run({ arguments: words, terminal, api }) {
    const [name, id] = words;
    if (name === undefined || id === undefined || words.length > 2)
      throw new UsageError("This command takes two arguments: <service> <id>");
    await api.request.delete(endpointPath("service-registration", { name, id }));
    terminal.print("Successfully deleted service registration");
    return 0;
  },
};

async function showService(context: Context): Promise<number> {
  const { flags, terminal, api } = context;
  const name = onlyArgument(context, "<service>");
  const path = endpointPath("service", { name });
  const { value: all, nextToken } = await api.request.get<readonly ServiceRegistration[]>(path, pageQuery(flags));
  if (all.length === 0) {
    terminal.complain(`No service registrations found for service ${JSON.stringify(name)}`);
    return 1;
  }
  if (flags.flag("json") || flags.given("t")) {
    printData(terminal, all, flags.text("t"));
    return 0;
  }
  const short = (id: string) => (flags.flag("verbose") ? id : id.slice(0, 8));
  const address = (each: ServiceRegistration) => `${each.Address.includes(":") ? `[${each.Address}]` : each.Address}:${each.Port}`;
  terminal.print(
    table([
      ["Job ID", "Address", "Tags", "Node ID", "Alloc ID"],
      ...all.map((each) => [each.JobID, address(each), `[${each.Tags.join(",")}]`, short(each.NodeID), short(each.AllocID)]),
    ]),
  );
  tellNextPage(terminal, "service info", nextToken, flags);
  return 0;
}
