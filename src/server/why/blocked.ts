/** It fits nowhere: why, told from what the scheduler found. nomad.md §6.2 item 4, §6.9. Pure. */
import type { AllocMetric, Job, NearestFit, TaskGroup } from "#model";
import type { Snapshot } from "#state";
import { datacenterTest, inPool } from "#scheduler";
import { type Cause, counted, quoted } from "./cause.ts";

type Found = Pick<Cause, "sentence" | "key" | "details">;

export function blockedBy(metric: AllocMetric, job: Job, group: TaskGroup | undefined, snapshot: Snapshot): Found {
  if (metric.NodesEvaluated === 0) return noNode(metric, job, snapshot);
  const details = {
    NodesEvaluated: metric.NodesEvaluated,
    NodesFiltered: metric.NodesFiltered,
    NodesExhausted: metric.NodesExhausted,
    ConstraintFiltered: metric.ConstraintFiltered,
    DimensionExhausted: metric.DimensionExhausted,
    NearestFit: metric.NearestFit ?? null,
  };
  const found = metric.NodesExhausted > 0 ? noRoom(metric) : allExcluded(metric, job, group, snapshot);
  return { ...found, details };
}

/** None was even looked at: what is with those the job could have? */
function noNode(metric: AllocMetric, job: Job, snapshot: Snapshot): Found {
  const states = { known: 0, elsewhere: 0, down: 0, draining: 0, ineligible: 0 };
  const here = datacenterTest(job);
  for (const node of snapshot.nodes()) {
    if (!inPool(job, node)) continue;
    states.known++;
    if (!here(node.Datacenter)) states.elsewhere++;
    else if (node.DrainStrategy !== null) states.draining++;
    else if (node.Status !== "ready") states.down++;
    else if (node.SchedulingEligibility !== "eligible") states.ineligible++;
  }
  const pool = quoted(metric.NodePool || job.NodePool || "default");
  const tell = (key: string, sentence: string): Found => ({
    key: `no node: ${key}`,
    sentence,
    details: { NodePool: job.NodePool, ...states },
  });
  if (states.known === 0) return tell("empty", `No node is in node pool ${pool}: start an agent that joins it, or name another node_pool`);
  const all = (count: number): boolean => count === states.known;
  const nodes = counted(states.known, "node");
  if (all(states.elsewhere)) {
    const wanted = job.Datacenters.map(quoted).join(", ");
    return tell("datacenter", `None of ${nodes} is in datacenter ${wanted}: correct datacenters, or add a node there`);
  }
  if (all(states.down)) return tell("down", `No node is ready: ${nodes} down, start the agent there or add a node`);
  if (all(states.draining))
    return tell("draining", `Every node is draining (${states.known}): end a drain with "drover node drain -disable", or add a node`);
  if (all(states.ineligible)) {
    return tell(
      "ineligible",
      `No node is eligible (${states.known} closed for new allocations): open one with "drover node eligibility -enable"`,
    );
  }
  const parts = [
    [states.down, "down"],
    [states.draining, "draining"],
    [states.ineligible, "ineligible"],
    [states.elsewhere, "in other datacenters"],
  ] as const;
  const told = parts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
  return tell("mixed", `No node may be used: of ${nodes} ${told}; bring one back, or add one`);
}

function allExcluded(metric: AllocMetric, job: Job, group: TaskGroup | undefined, snapshot: Snapshot): Pick<Found, "sentence" | "key"> {
  const [top, ...others] = Object.entries(metric.ConstraintFiltered).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const total = metric.NodesEvaluated;
  if (top === undefined) return { key: "excluded", sentence: `None of ${counted(total, "node")} is fit for it` };
  const [reason, count] = top;
  const nodes = count === total ? (total === 1 ? "the only node" : `all ${total} nodes`) : `${count} of ${total} nodes`;
  const rest = others.length === 0 ? "" : `, ${others.map(([other, times]) => `${quoted(other)} ${times} more`).join(", ")}`;
  const lack = IMPLIED.find((each) => each.reason === reason);
  if (lack !== undefined) {
    const needed = `${lack.what}${group === undefined ? "" : ` that group ${quoted(group.Name)} needs`}`;
    const told =
      count === total
        ? `No node has ${needed} (constraint ${quoted(reason)})`
        : `Constraint ${quoted(reason)} excludes ${nodes}, which lack ${needed}${rest}`;
    return { key: `excluded: ${reason}`, sentence: `${told}: ${lack.fix}` };
  }
  if (reason === "missing drivers") return { key: `excluded: ${reason}`, sentence: missingDrivers(nodes, rest, job, group, snapshot) };
  return { key: `excluded: ${reason}`, sentence: exclusion(reason, nodes, rest, group) };
}

const BRIDGE_FIX = `apt install containernetworking-plugins there (bridge networks need them), then see "drover check mesh"`;

/** Constraints nobody wrote: they follow from what the group asks for (jobspec/admit/constraints.ts). */
const IMPLIED: readonly { readonly reason: string; readonly what: string; readonly fix: string }[] = [
  {
    reason: "${attr.consul.version} semver >= 1.8.0",
    what: "the Consul (1.8 or newer)",
    fix: `start Consul beside the agent and give the agent a consul block, it is found within seconds (the agent's log says what Consul refuses); or register services with provider = "nomad"`,
  },
  {
    reason: "${attr.consul.grpc} > 0",
    what: "a Consul whose gRPC port is open",
    fix: `Envoy is told there what to do: give Consul's agents ports { grpc = 8502 } and connect { enabled = true }, then "drover check mesh" says what else is missing`,
  },
  {
    reason: "${attr.envoy.version} is_set",
    what: "the Envoy",
    fix: `put envoy on the node's PATH (or client { envoy_path = "…" }), or name an image in sidecar_task { driver = "docker" }; "drover check mesh" says what else is missing`,
  },
  ...["bridge", "firewall", "host-local", "loopback", "portmap"].map((plugin) => ({
    reason: `\${attr.plugins.cni.version.${plugin}} semver >= 0.4.0`,
    what: `bridge networking (the CNI plugin ${quoted(plugin)}, 0.4.0 or newer)`,
    fix: BRIDGE_FIX,
  })),
  {
    reason: "${attr.vault.version} semver >= 0.6.1",
    what: "the Vault or OpenBao",
    fix: "start it, unseal it, and give the agent a vault block with its address: it is found within seconds (the agent's log says what is wrong)",
  },
  {
    reason: "${attr.nomad.service_discovery} = true",
    what: 'the registry of provider "nomad"',
    fix: 'it is on unless switched off or older: see "drover node status -verbose", or register services with provider = "consul"',
  },
];

function exclusion(reason: string, nodes: string, rest: string, group: TaskGroup | undefined): string {
  if (reason === "missing network") return missingNetwork(nodes, rest, group);
  const hostNetwork =
    /^missing host network "(.*)" for port "(.*)"$/.exec(reason) ?? /^no addresses available for "(.*)" network$/.exec(reason);
  if (hostNetwork !== null) {
    const [, name = "", port] = hostNetwork;
    return port === undefined
      ? `Host network ${quoted(name)} has no address on ${nodes}${rest}: bring its interface up, or correct client { host_network ${quoted(name)} { … } } there`
      : `Port ${quoted(port)} is wanted on host network ${quoted(name)}, which ${nodes} ${nodes === "the only node" ? "does" : "do"} not have${rest}: add client { host_network ${quoted(name)} { cidr = "…" } } there, or leave host_network out`;
  }
  if (reason === "distinct_hosts")
    return `Constraint distinct_hosts excludes ${nodes}, which have one of it already${rest}: add nodes, or lower count`;
  if (reason.startsWith("distinct_property"))
    return `Constraint ${reason} excludes ${nodes}${rest}: raise its value, or add nodes with other values`;
  if (reason.startsWith("missing devices"))
    return `A device it asks for is on none of what is left: ${nodes} without${rest}; add one, or ask for another device`;
  if (reason.startsWith("missing") || reason.startsWith("did not meet") || reason.startsWith("computed class")) {
    return `${capital(reason)} excludes ${nodes}${rest}: see "drover node status -verbose" for what they have`;
  }
  return `Constraint ${quoted(reason)} excludes ${nodes}${rest}: loosen it, or add a node that meets it`;
}

/** Those that lack somewhere, with what the nodes themselves say of them. */
function missingDrivers(nodes: string, rest: string, job: Job, group: TaskGroup | undefined, snapshot: Snapshot): string {
  const wanted = [...new Set((group?.Tasks ?? []).map((task) => task.Driver))];
  const asked = [...snapshot.nodes()].filter((node) => inPool(job, node) && node.Status === "ready");
  const lacks = wanted.map((driver) => ({ driver, of: asked.filter((node) => node.Drivers[driver]?.Healthy !== true) }));
  const lacking = lacks.filter(({ of }) => of.length > 0);
  const names = (lacking.length === 0 ? wanted : lacking.map(({ driver }) => driver)).map(quoted).join(", ");
  const told = new Set(lacking.flatMap(({ driver, of }) => of.map((node) => node.Drivers[driver]?.HealthDescription ?? "")));
  told.delete("");
  const [first] = told;
  const said = first === undefined ? "" : ` (${first.replace(/\.$/, "")}${told.size > 1 ? ", …" : ""})`;
  return `Driver ${names} is missing or unhealthy on ${nodes}${said}${rest}: see "drover node status -verbose", or use another driver`;
}

/** The node has no network of the mode the group asks for. */
function missingNetwork(nodes: string, rest: string, group: TaskGroup | undefined): string {
  const mode = group?.Networks.map((network) => network.Mode).find((each) => each !== "" && each !== "host" && each !== "none") ?? "bridge";
  const needed = `that group ${quoted(group?.Name ?? "")} needs`;
  if (mode.startsWith("cni/"))
    return `No network ${quoted(mode)} ${needed} on ${nodes}${rest}: put its file (${mode.slice("cni/".length)}.conflist) into cni_config_dir there, it is found within seconds`;
  const what =
    nodes.startsWith("all ") || nodes === "the only node"
      ? `No node has the ${mode} network ${needed}`
      : `The ${mode} network ${needed} is missing on ${nodes}`;
  return `${what}${rest}: ${BRIDGE_FIX}`;
}

function noRoom(metric: AllocMetric): Pick<Found, "sentence" | "key"> {
  const { NearestFit: nearest, NodesExhausted: full, NodesFiltered: out, NodesEvaluated: total } = metric;
  const excluded = out === 0 ? "" : `, ${out} excluded by constraints`;
  const where = `(${full} of ${counted(total, "node")} without room${excluded})`;
  if (nearest === null || nearest === undefined) {
    const dimensions = Object.entries(metric.DimensionExhausted)
      .map(([name, count]) => `${name} on ${count}`)
      .join(", ");
    return {
      key: `room: ${dimensions}`,
      sentence: `No node has room ${where}: ${dimensions || "everything is taken"}; free some, or add a node`,
    };
  }
  const { Dimension: dimension, NodeName: name } = nearest;
  const port = /^network: reserved port collision (.*)=(\d+)$/.exec(dimension);
  if (port !== null) {
    return {
      key: `port: ${port[2]}`,
      sentence: `Static port ${port[2]} (${quoted(port[1] ?? "")}) is taken ${where}, on ${quoted(name)} by ${holder(nearest)}: use a dynamic port or another one, or add a node`,
    };
  }
  if (dimension === "cpu" || dimension === "memory" || dimension === "disk" || dimension === "cores") {
    const amount = (value: number): string => `${Math.round(value)}${UNITS[dimension]}`;
    const what = dimension === "cores" ? "" : ` of ${dimension}`;
    return {
      key: `room: ${dimension}`,
      sentence: `No node has ${amount(nearest.Wanted)}${what} free: ${quoted(name)} comes nearest with ${amount(nearest.Free)}, ${amount(nearest.Wanted - nearest.Free)} short ${where}: ask for less, stop something there, or add a node`,
    };
  }
  return {
    key: `room: ${dimension}`,
    sentence: `No node has what it needs, ${quoted(name)} comes nearest but lacks ${dimension} ${where}: free it, or add a node`,
  };
}

const UNITS = { cpu: " MHz", memory: " MB", disk: " MB", cores: " cores" } as const;

function holder({ HeldBy }: NearestFit): string {
  if (HeldBy === undefined) return "another allocation";
  return HeldBy === null ? "the machine itself" : `job ${quoted(HeldBy.JobID)}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
