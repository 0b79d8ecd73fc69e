/**
 * A small obvious state: maps, and columns counted afresh from all allocations whenever a snapshot is taken. What the scheduler is
 * tested against where the test wants to say exactly what the state is.
 */
import { clientTerminal, DEFAULT_SCHEDULER_CONFIGURATION, holdingOf, parsePortRanges } from "#model";
import type { Allocation, Deployment, Evaluation, Job, Node, NodePool, Plan, SchedulerConfiguration } from "#model";
import { claimOf } from "#scheduler";
import type { Columns, Snapshot } from "#state";

export class World {
  index = 10;
  /** What notes are dated with. */
  nowNs = 0;
  readonly nodes = new Map<string, Node>();
  readonly jobs = new Map<string, Job>();
  readonly allocations = new Map<string, Allocation>();
  readonly evaluations = new Map<string, Evaluation>();
  /** Newest last. */
  readonly deployments = new Map<string, Deployment>();
  readonly pools = new Map<string, NodePool>();
  /** Of whichever group is asked for. */
  readonly turns: ReturnType<Snapshot["restartTurns"]> extends Iterable<infer Turn> ? Turn[] : never = [];
  readonly #versions = new Map<string, Job>();
  configuration: SchedulerConfiguration = DEFAULT_SCHEDULER_CONFIGURATION;

  addNode(node: Node): void {
    this.nodes.set(node.ID, node);
    this.index++;
  }

  /** As job-register does: the next version, another JobModifyIndex. */
  addJob(job: Job): Job {
    const old = this.jobs.get(job.ID);
    this.index++;
    const stored = { ...job, Version: old === undefined ? 0 : old.Version + 1, JobModifyIndex: this.index, ModifyIndex: this.index };
    this.jobs.set(job.ID, stored);
    this.#versions.set(`${job.ID} ${stored.Version}`, stored);
    return stored;
  }

  /** As plan-apply does. */
  commit(plan: Plan): void {
    this.index++;
    for (const stop of plan.Stops) {
      this.change(stop.ID, {
        DesiredStatus: stop.DesiredStatus,
        DesiredDescription: stop.DesiredDescription,
        ...(stop.ClientStatus === "" ? {} : { ClientStatus: stop.ClientStatus }),
        ...(stop.PreemptedByAllocation === "" ? {} : { PreemptedByAllocation: stop.PreemptedByAllocation }),
        ...(stop.FollowupEvalID === "" ? {} : { FollowupEvalID: stop.FollowupEvalID }),
      });
    }
    for (const note of plan.Notes) {
      const { AllocStates } = this.allocations.get(note.ID) as Allocation;
      const unknown = { Field: "client_status", Value: "unknown", Time: this.nowNs } as const;
      this.change(note.ID, {
        FollowupEvalID: note.FollowupEvalID,
        ...(note.ClientStatus === ""
          ? {}
          : { ClientStatus: note.ClientStatus, ClientDescription: note.ClientDescription, AllocStates: [...AllocStates, unknown] }),
      });
    }
    this.#commitDeployments(plan);
    for (const placed of [...plan.Placements, ...plan.InPlaceUpdates]) {
      if (this.allocations.has(placed.PreviousAllocation)) this.change(placed.PreviousAllocation, { NextAllocation: placed.ID });
      const CreateIndex = this.allocations.get(placed.ID)?.CreateIndex ?? this.index;
      this.allocations.set(placed.ID, {
        ...placed,
        Job: this.#versions.get(`${placed.JobID} ${placed.JobVersion}`) ?? (plan.Job as Job),
        CreateIndex,
        ModifyIndex: this.index,
        AllocModifyIndex: this.index,
        CreateTime: 0,
        ModifyTime: 0,
      });
    }
  }

  /** Counts of what was placed and is well are the state's to keep: from all allocations of the deployment. */
  #commitDeployments(plan: Plan): void {
    if (plan.Deployment !== null) this.deployments.set(plan.Deployment.ID, { ...plan.Deployment, CreateIndex: this.index });
    for (const { DeploymentID, Status, StatusDescription } of plan.DeploymentUpdates) {
      const old = this.deployments.get(DeploymentID);
      if (old !== undefined) this.deployments.set(DeploymentID, { ...old, Status, StatusDescription });
    }
  }

  /** As they stand: with what belongs to them counted. */
  #counted(deployment: Deployment): Deployment {
    const own = [...this.allocations.values()].filter((allocation) => allocation.DeploymentID === deployment.ID);
    const TaskGroups = Object.entries(deployment.TaskGroups).map(([name, group]) => {
      const its = own.filter((allocation) => allocation.TaskGroup === name);
      const count = (healthy: boolean) => its.filter((allocation) => allocation.DeploymentStatus?.Healthy === healthy).length;
      const PlacedCanaries = its.filter((allocation) => allocation.DeploymentStatus?.Canary === true).map((allocation) => allocation.ID);
      return [
        name,
        { ...group, PlacedCanaries, PlacedAllocs: its.length, HealthyAllocs: count(true), UnhealthyAllocs: count(false) },
      ] as const;
    });
    return { ...deployment, TaskGroups: Object.fromEntries(TaskGroups) };
  }

  change(id: string, fields: Partial<Allocation>): void {
    const old = this.allocations.get(id);
    if (old === undefined) throw new Error(`no allocation ${id}`);
    this.allocations.set(id, { ...old, ...fields });
  }

  snapshot(): Snapshot {
    const world = {
      nodes: new Map(this.nodes),
      jobs: new Map(this.jobs),
      allocations: new Map(this.allocations),
      configuration: this.configuration,
    };
    const all = [...world.allocations.values()];
    const byNode = Map.groupBy(all, (allocation) => allocation.NodeID as string);
    const byJob = Map.groupBy(all, (allocation) => allocation.JobID as string);
    const columns = columnsOf([...world.nodes.values()], byNode);
    const deployments = [...this.deployments.values()].map((deployment) => this.#counted(deployment)).reverse();
    const evaluations = [...this.evaluations.values()];
    const pools = new Map(this.pools);
    const turns = [...this.turns];
    const versions = new Map(this.#versions);
    const used: Partial<Snapshot> = {
      index: this.index,
      job: (_, id) => world.jobs.get(id),
      evaluation: (id) => evaluations.find((evaluation) => evaluation.ID === id),
      jobVersion: (_, id, version) => versions.get(`${id} ${version}`),
      nodePool: (name) => pools.get(name),
      deployment: (id) => deployments.find((deployment) => deployment.ID === id),
      deploymentsByJob: (_, id) => deployments.filter((deployment) => deployment.JobID === id),
      activeDeployment: (_, id) =>
        deployments.find((deployment) => deployment.JobID === id && (deployment.Status === "running" || deployment.Status === "paused")),
      evaluationsByJob: (_, id) => evaluations.filter((evaluation) => evaluation.JobID === id),
      node: (id) => world.nodes.get(id),
      nodes: () => world.nodes.values(),
      nodeCount: world.nodes.size,
      allocation: (id) => world.allocations.get(id),
      allocations: () => all,
      allocationsByJob: (_, id) => byJob.get(id) ?? [],
      allocationsByNode: (id) => byNode.get(id) ?? [],
      restartTurns: () => turns,
      schedulerConfiguration: () => world.configuration,
      columns: () => columns,
    };
    return used as Snapshot;
  }
}

function columnsOf(nodes: readonly Node[], byNode: ReadonlyMap<string, readonly Allocation[]>): Columns {
  const slots = new Map(nodes.map((node, slot) => [node.ID as string, slot]));
  const holding = nodes.map((node) => (byNode.get(node.ID) ?? []).filter((allocation) => !clientTerminal(allocation)));
  const claims = holding.map((held) => held.map((allocation) => claimOf(allocation.AllocatedResources)));
  const cores = claims.map((held) => new Set(held.flatMap((claim) => claim.cores)));
  const devices = claims.map((held) => new Set(held.flatMap((claim) => claim.devices)));
  // Each with its address, "" for all of them.
  const ports = nodes.map((node, slot) => [
    ...parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts).map((port) => [port, ""] as const),
    ...Object.values(node.HostNetworks).flatMap(({ Addresses, ReservedPorts }) =>
      Addresses.flatMap((address) => parsePortRanges(ReservedPorts).map((port) => [port, address] as const)),
    ),
    ...(holding[slot] ?? []).flatMap((each) => each.AllocatedResources.Shared.Ports.map(({ Value, HostIP }) => [Value, HostIP] as const)),
  ]);
  const total = (of: (node: Node) => number) => Float64Array.from(nodes, of);
  const used = (of: (holding: ReturnType<typeof holdingOf>) => number) =>
    Float64Array.from(holding, (held) => held.reduce((sum, allocation) => sum + of(holdingOf(allocation.AllocatedResources)), 0));
  return {
    length: nodes.length,
    nodes,
    slotOf: (id) => slots.get(id),
    cpuTotal: total((node) => node.NodeResources.Cpu.CpuShares - node.ReservedResources.Cpu.CpuShares),
    memoryTotal: total((node) => node.NodeResources.Memory.MemoryMB - node.ReservedResources.Memory.MemoryMB),
    diskTotal: total((node) => node.NodeResources.Disk.DiskMB - node.ReservedResources.Disk.DiskMB),
    cpuUsed: used((each) => each.cpu),
    memoryUsed: used((each) => each.memory),
    diskUsed: used((each) => each.disk),
    portInUse: (slot, port, address = "") =>
      ports[slot]?.some(([each, at]) => each === port && (at === address || at === "" || address === "")) === true,
    portsUsed: Uint32Array.from(ports, (each) => new Set(each.map(([port]) => port)).size),
    coresUsed: (slot) => cores[slot] ?? new Set(),
    devicesUsed: (slot) => devices[slot] ?? new Set(),
    version: new Uint32Array(nodes.length),
  };
}
