/** `drover node drain`: nomad.md §4.3, §4.4, §6.11. */
import type { NodeDrainBody } from "#api/contract";
import type { Command, Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { UsageError, type ParsedFlags } from "../flags.ts";
import { monitorDrain } from "../monitor-drain.ts";
import { resolveNode, selfNode } from "../resolve.ts";

const DEADLINE_DEFAULT_NS = 3_600_000_000_000;

export const nodeDrain: Command = {
  usage: "node drain [options] <node>",
  about:
    "Empties a node: what runs there is moved elsewhere as fast as each group's migrate block allows, until the deadline, then at once. It is said to be complete when the processes have exited.",
  connects: true,
  flags: {
    enable: { kind: "boolean", about: "Drain" },
    disable: { kind: "boolean", about: "Stop draining, and let the node be scheduled again" },
    deadline: { kind: "duration", value: "duration", about: "What has not left by then is stopped (default 1h)" },
    force: { kind: "boolean", about: "Stop everything at once" },
    "no-deadline": { kind: "boolean", about: "Let allocations leave without a deadline" },
    "ignore-system": { kind: "boolean", about: "Leave allocations of system jobs alone" },
    "keep-ineligible": { kind: "boolean", about: "With -disable: nothing new is placed there" },
    m: { kind: "text", value: "message", about: "Why; kept with the node's last drain" },
    meta: { kind: "list", value: "key=value", about: "Kept with the node's last drain; may be repeated" },
    monitor: { kind: "boolean", about: "Only follow a drain that is going on" },
    detach: { kind: "boolean", about: "Return at once" },
    self: { kind: "boolean", about: "The node of the agent asked" },
    yes: { kind: "boolean", about: "Do not ask when a prefix was given" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const request = drainRequest(flags);
    const typed = context.arguments[0];
    if (context.arguments.length > 1) throw new UsageError("This command takes one argument: <node>");
    if (flags.flag("self") === (typed !== undefined))
      throw new UsageError(flags.flag("self") ? "-self is the node already: leave <node> out" : "A node id is required, or -self");
    const id = typed === undefined ? await selfNode(context) : (await resolveNode(context, typed)).ID;
    if (request === undefined) return follow(context, id);

    const enable = request.DrainSpec !== null;
    if (typed !== undefined && typed !== id && !flags.flag("yes")) {
      const question = `Are you sure you want to ${enable ? "drain" : "stop draining"} node ${JSON.stringify(id)}`;
      const { ok, refused } = await confirmed(context, question, "Canceling drain toggle");
      if (!ok) return refused;
    }
    await api.nodes.drain(id, request);
    if (!enable || flags.flag("detach")) {
      terminal.print(`Node ${JSON.stringify(id)} drain strategy ${enable ? "set" : "unset"}`);
      return 0;
    }
    const { value: node } = await api.nodes.read(id);
    return monitorDrain(context, id, node, { strategySet: true });
  },
};

async function follow(context: Context, id: string): Promise<number> {
  const { value: node } = await context.api.nodes.read(id);
  if (node.DrainStrategy === null) {
    context.terminal.print(`No drain strategy set for node ${id}`);
    return 0;
  }
  return monitorDrain(context, id, node, { strategySet: false });
}

/** What the flags ask for; undefined with -monitor: nothing but to watch. Throws UsageError. */
export function drainRequest(flags: ParsedFlags): NodeDrainBody | undefined {
  const one = [flags.flag("enable"), flags.flag("disable"), flags.flag("monitor")].filter(Boolean).length;
  if (one !== 1) throw new UsageError("Exactly one of -enable, -disable and -monitor must be set");
  if (flags.flag("monitor")) return undefined;
  const limits = [flags.given("deadline"), flags.flag("force"), flags.flag("no-deadline")].filter(Boolean).length;
  if (limits > 1) throw new UsageError("Only one of -deadline, -force and -no-deadline may be set");
  if (flags.flag("disable")) {
    if (limits > 0 || flags.flag("ignore-system"))
      throw new UsageError(
        "-disable can't be combined with flags configuring drain strategy: -deadline, -force, -no-deadline, -ignore-system",
      );
    return { DrainSpec: null, MarkEligible: !flags.flag("keep-ineligible"), Meta: drainMeta(flags) };
  }
  if (flags.flag("keep-ineligible")) throw new UsageError("-keep-ineligible goes with -disable");
  const deadline = flags.duration("deadline") ?? DEADLINE_DEFAULT_NS;
  if (deadline <= 0) throw new UsageError("A positive drain duration must be given: -deadline=30m (or -force, or -no-deadline)");
  return {
    DrainSpec: {
      Deadline: flags.flag("force") ? -1 : flags.flag("no-deadline") ? 0 : deadline,
      IgnoreSystemJobs: flags.flag("ignore-system"),
    },
    Meta: drainMeta(flags),
  };
}

function drainMeta(flags: ParsedFlags): Record<string, string> {
  const meta: Record<string, string> = {};
  for (const pair of flags.list("meta")) {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError(`invalid value ${JSON.stringify(pair)} for flag -meta: want key=value`);
    meta[pair.slice(0, at)] = pair.slice(at + 1);
  }
  const message = flags.text("m");
  return message === undefined ? meta : { ...meta, message };
}
