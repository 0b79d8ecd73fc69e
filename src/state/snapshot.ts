/** A frozen view: tables nobody writes to any more, read in key order. Taking one costs this one object. */
import assert from "node:assert/strict";
import {
  type AclAuthMethod,
  type AclBindingRule,
  type AclPolicy,
  type AclRole,
  type AclToken,
  type Allocation,
  type Deployment,
  type DeploymentId,
  type Evaluation,
  type Job,
  jobKey,
  type JobSubmission,
  type JobSummary,
  type NamespaceRecord,
  type Node,
  type NodePool,
  type OneTimeToken,
  type Reason,
  type RootKey,
  type ScalingEvent,
  type AutopilotConfiguration,
  type SchedulerConfiguration,
  type SealedVariable,
  type ServiceRegistration,
} from "#model";
import type { Columns, HeldTurn, Snapshot, TableName } from "./contract.ts";
import { remembered } from "./past.ts";
import { turnsOfGroup } from "./restart-turns.ts";
import { BOOTSTRAP, secretKey } from "./tables/acl-tables.ts";
import type { JobRecord, Tables } from "./tables/tables.ts";
import { variableKey } from "./variables.ts";

export class TablesSnapshot implements Snapshot {
  readonly #tables: Tables;
  /** The live columns, if they still are those of these tables. */
  readonly #columns: (tables: Tables) => Columns | undefined;

  constructor(tables: Tables, columns: (tables: Tables) => Columns | undefined) {
    this.#tables = tables;
    this.#columns = columns;
  }

  get index(): number {
    return Math.max(1, this.#tables.index);
  }

  tableIndex(...tables: readonly TableName[]): number {
    let newest = 1;
    for (const table of tables) newest = Math.max(newest, this.#tables.tableIndexes[table]);
    return newest;
  }

  job(namespace: string, id: string): Job | undefined {
    return this.#record(namespace, id)?.job;
  }

  jobVersion(namespace: string, id: string, version: number): Job | undefined {
    const kept = this.jobVersions(namespace, id).find((job) => job.Version === version);
    if (kept !== undefined) return kept;
    // Older ones live on in the allocations that run them; those of a purged job of the same name are no versions of this one.
    const created = this.job(namespace, id)?.CreateIndex;
    for (const { Job: placed } of this.allocationsByJob(namespace, id)) {
      if (placed.Version === version && (created === undefined || placed.CreateIndex === created)) return placed;
    }
    return undefined;
  }

  jobVersions(namespace: string, id: string): readonly Job[] {
    const record = this.#record(namespace, id);
    return record === undefined ? [] : [record.job, ...record.versions.slice(1).map(({ shown }) => shown)];
  }

  *jobs(namespace: string, prefix = "", after?: { readonly Namespace: string; readonly ID: string }): Generator<Job> {
    const start = namespace === "*" ? "" : jobKey({ Namespace: namespace, ID: prefix });
    const resume = after === undefined ? "" : jobKey(after);
    const from = resume > start ? resume : start;
    for (const [, { job }] of this.#tables.jobs.range(from, { exclusive: after !== undefined && from === resume })) {
      if (namespace !== "*" && (job.Namespace !== namespace || !job.ID.startsWith(prefix))) return;
      if (job.ID.startsWith(prefix)) yield job;
    }
  }

  *systemJobs(): Generator<Job> {
    for (const key of this.#tables.systemJobs.values()) yield (this.#tables.jobs.get(key) as JobRecord).job;
  }

  jobSummary(namespace: string, id: string): JobSummary | undefined {
    return this.#record(namespace, id)?.summary;
  }

  submission(namespace: string, id: string, version: number): JobSubmission | undefined {
    const kept = this.#record(namespace, id)?.versions.find(({ spec }) => spec.Version === version);
    return kept?.submission ?? undefined;
  }

  node(id: string): Node | undefined {
    return this.#tables.nodes.get(id);
  }
  nodes(prefix = ""): Iterable<Node> {
    return this.#tables.nodes.values(prefix);
  }
  get nodeCount(): number {
    return this.#tables.nodes.size;
  }

  allocation(id: string): Allocation | undefined {
    return this.#tables.allocations.get(id);
  }
  allocations(prefix = ""): Iterable<Allocation> {
    return this.#tables.allocations.values(prefix);
  }
  allocationsByJob(namespace: string, jobId: string): Iterable<Allocation> {
    return this.#tables.allocationsByJob.values(jobKey({ Namespace: namespace, ID: jobId }));
  }
  allocationsByNode(nodeId: string): Iterable<Allocation> {
    return this.#tables.allocationsByNode.values(nodeId);
  }
  *allocationsByEvaluation(evaluationId: string): Generator<Allocation> {
    for (const id of this.#tables.allocationsByEvaluation.values(evaluationId)) yield this.#tables.allocations.get(id) as Allocation;
  }

  evaluation(id: string): Evaluation | undefined {
    return this.#tables.evaluations.get(id);
  }
  evaluations(prefix = ""): Iterable<Evaluation> {
    return this.#tables.evaluations.values(prefix);
  }
  evaluationsByJob(namespace: string, jobId: string): Iterable<Evaluation> {
    return this.#tables.evaluationsByJob.values(jobKey({ Namespace: namespace, ID: jobId }));
  }

  deployment(id: string): Deployment | undefined {
    return this.#tables.deployments.get(id);
  }
  deployments(prefix = ""): Iterable<Deployment> {
    return this.#tables.deployments.values(prefix);
  }
  deploymentsByJob(namespace: string, jobId: string): readonly Deployment[] {
    const ids = [...this.#tables.deploymentsByJob.values(jobKey({ Namespace: namespace, ID: jobId }))];
    return ids.reverse().map((id) => this.#deployment(id));
  }
  activeDeployment(namespace: string, jobId: string): Deployment | undefined {
    const id = this.#tables.activeDeploymentByJob.get(jobKey({ Namespace: namespace, ID: jobId }));
    return id === undefined ? undefined : this.#deployment(id);
  }
  *activeDeployments(): Generator<Deployment> {
    for (const id of this.#tables.activeDeployments.values()) yield this.#deployment(id);
  }
  *allocationsByDeployment(deploymentId: string): Generator<Allocation> {
    for (const id of this.#tables.allocationsByDeployment.values(deploymentId)) yield this.#tables.allocations.get(id) as Allocation;
  }

  namespaces(prefix = ""): Iterable<NamespaceRecord> {
    return this.#tables.namespaces.values(prefix);
  }
  namespace(name: string): NamespaceRecord | undefined {
    return this.#tables.namespaces.get(name);
  }
  nodePools(prefix = ""): Iterable<NodePool> {
    return this.#tables.nodePools.values(prefix);
  }
  nodePool(name: string): NodePool | undefined {
    return this.#tables.nodePools.get(name);
  }

  scalingEvents(namespace: string, jobId: string): Readonly<Record<string, readonly ScalingEvent[]>> {
    return this.#tables.scalingEvents.get(jobKey({ Namespace: namespace, ID: jobId })) ?? {};
  }
  periodicLaunch(namespace: string, jobId: string): number | undefined {
    return this.#tables.launches.get(jobKey({ Namespace: namespace, ID: jobId }))?.Launch;
  }
  *childJobs(namespace: string, parentId: string): Generator<Job> {
    for (const id of this.#tables.children.values(jobKey({ Namespace: namespace, ID: parentId }))) {
      yield (this.#record(namespace, id) as JobRecord).job;
    }
  }
  dispatchedJob(namespace: string, parentId: string, token: string): Job | undefined {
    const id = this.#tables.dispatches.get(jobKey({ Namespace: namespace, ID: parentId }), token);
    return id === undefined ? undefined : this.job(namespace, id);
  }
  pastReasons(namespace: string, jobId: string): readonly Reason[] {
    const past = this.#tables.past.get(jobKey({ Namespace: namespace, ID: jobId }));
    return past === undefined ? [] : remembered(past.reasons, this.#tables.time);
  }

  services(namespace: string): Iterable<ServiceRegistration> {
    return this.#tables.services.values(namespace === "*" ? "" : `${namespace}\u0000`);
  }
  servicesByName(namespace: string, name: string): Iterable<ServiceRegistration> {
    if (namespace !== "*") return this.#tables.services.values(`${namespace}\u0000${name}\u0000`);
    return this.#tables.services.values().filter(({ ServiceName }) => ServiceName === name);
  }
  servicesByJob(namespace: string, jobId: string): Iterable<ServiceRegistration> {
    return this.#services(this.#tables.servicesByJob.values(jobKey({ Namespace: namespace, ID: jobId })));
  }
  servicesByAllocation(allocationId: string): Iterable<ServiceRegistration> {
    return this.#services(this.#tables.servicesByAllocation.values(allocationId));
  }
  servicesByNode(nodeId: string): Iterable<ServiceRegistration> {
    return this.#services(this.#tables.servicesByNode.values(nodeId));
  }
  service(id: string): ServiceRegistration | undefined {
    const key = this.#tables.serviceKeys.get(id);
    return key === undefined ? undefined : this.#tables.services.get(key);
  }

  rootKeys(): Iterable<RootKey> {
    return this.#tables.rootKeys.values();
  }
  activeRootKey(): RootKey | undefined {
    for (const key of this.#tables.rootKeys.values()) if (key.State === "active") return key;
    return undefined;
  }

  restartTurns(of?: { readonly Namespace: string; readonly JobID: string; readonly TaskGroup: string }): Iterable<HeldTurn> {
    return this.#tables.restartTurns.values(of === undefined ? "" : turnsOfGroup(of));
  }

  variable(namespace: string, path: string): SealedVariable | undefined {
    return this.#tables.variables.get(variableKey({ Namespace: namespace, Path: path }));
  }
  *variables(namespace: string, prefix = "", resume?: { readonly Namespace: string; readonly Path: string }): Generator<SealedVariable> {
    const start = namespace === "*" ? "" : variableKey({ Namespace: namespace, Path: prefix });
    const place = resume === undefined ? "" : variableKey(resume);
    for (const [, variable] of this.#tables.variables.range(place > start ? place : start)) {
      const matches = variable.Path.startsWith(prefix);
      if (namespace !== "*" && (variable.Namespace !== namespace || !matches)) return;
      if (matches) yield variable;
    }
  }
  *variablesSealedWith(keyId: string): Generator<SealedVariable> {
    for (const key of this.#tables.variablesByRootKey.values(keyId)) yield this.#tables.variables.get(key) as SealedVariable;
  }

  aclPolicies(prefix = ""): Iterable<AclPolicy> {
    return this.#tables.acl.policies.values(prefix);
  }
  aclPolicy(name: string): AclPolicy | undefined {
    return this.#tables.acl.policies.get(name);
  }
  aclRoles(prefix = ""): Iterable<AclRole> {
    return this.#tables.acl.roles.values(prefix);
  }
  aclRole(id: string): AclRole | undefined {
    return this.#tables.acl.roles.get(id);
  }
  aclRoleByName(name: string): AclRole | undefined {
    const id = this.#tables.acl.roleNames.get(name);
    return id === undefined ? undefined : this.#tables.acl.roles.get(id);
  }
  aclTokens(prefix = ""): Iterable<AclToken> {
    return this.#tables.acl.tokens.values(prefix);
  }
  aclToken(accessor: string): AclToken | undefined {
    return this.#tables.acl.tokens.get(accessor);
  }
  aclTokenBySecret(secret: string): AclToken | undefined {
    const accessor = this.#tables.acl.secrets.get(secretKey(secret));
    return accessor === undefined ? undefined : this.#tables.acl.tokens.get(accessor);
  }
  aclAuthMethods(prefix = ""): Iterable<AclAuthMethod> {
    return this.#tables.acl.authMethods.values(prefix);
  }
  aclAuthMethod(name: string): AclAuthMethod | undefined {
    return this.#tables.acl.authMethods.get(name);
  }
  aclBindingRules(prefix = ""): Iterable<AclBindingRule> {
    return this.#tables.acl.bindingRules.values(prefix);
  }
  aclBindingRule(id: string): AclBindingRule | undefined {
    return this.#tables.acl.bindingRules.get(id);
  }
  *bindingRulesByMethod(name: string): Generator<AclBindingRule> {
    for (const id of this.#tables.acl.rulesByMethod.values(name)) yield this.#tables.acl.bindingRules.get(id) as AclBindingRule;
  }
  oneTimeToken(secret: string): OneTimeToken | undefined {
    return this.#tables.acl.oneTimeTokens.get(secretKey(secret));
  }
  oneTimeTokens(): Iterable<OneTimeToken> {
    return this.#tables.acl.oneTimeTokens.values();
  }
  aclBootstrapIndex(): number {
    return this.#tables.acl.bootstrap.get(BOOTSTRAP)?.Index ?? 0;
  }

  autopilotConfiguration(): AutopilotConfiguration {
    return this.#tables.autopilotConfiguration;
  }

  schedulerConfiguration(): SchedulerConfiguration {
    return this.#tables.schedulerConfiguration;
  }

  columns(): Columns {
    const columns = this.#columns(this.#tables);
    assert.ok(columns !== undefined, "Columns are only valid until the next apply: take a new snapshot, use them without awaiting");
    return columns;
  }

  *#services(keys: Iterable<string>): Generator<ServiceRegistration> {
    for (const key of keys) yield this.#tables.services.get(key) as ServiceRegistration;
  }

  #deployment(id: DeploymentId): Deployment {
    return this.#tables.deployments.get(id) as Deployment;
  }

  #record(namespace: string, id: string): JobRecord | undefined {
    return this.#tables.jobs.get(jobKey({ Namespace: namespace, ID: id }));
  }
}
