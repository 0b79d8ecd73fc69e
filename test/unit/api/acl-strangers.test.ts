/**
 * What is of another namespace stays there: every endpoint and method, asked by somebody who may everything elsewhere, with the ids of what is
 * hidden, in every namespace a request can name. No answer tells anything of it that was not in the question, and nothing of it is changed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeRules, NOTHING, parsePolicy, type Grant } from "#access";
import { ENDPOINTS, needsOf, type EndpointName, type Method } from "#api/contract";
import { createApi, type AgentFacts, type Api } from "#api/server";
import { createSeededRandom, memoryKeyEncryption } from "#integrations/memory";
import type { Snapshot } from "#state";
import { jobOf, nodeOf } from "../../simulation/fixtures.ts";
import type { World } from "../../simulation/world.ts";
import { inside } from "../server/inside.ts";

const HIDDEN = "hidden";
const CLUSTER_WIDE = 'node { policy = "write" } agent { policy = "read" } operator { policy = "read" } node_pool "*" { policy = "write" }';
const VARIABLES = 'variables { path "*" { capabilities = ["write", "read", "destroy"] } }';
const ATTACKERS: Readonly<Record<string, string>> = {
  "of one namespace": `namespace "default" { policy = "write" ${VARIABLES} }\n${CLUSTER_WIDE}`,
  "of all namespaces but that one": `namespace "*" { policy = "write" ${VARIABLES} }\nnamespace "hidden" { policy = "deny" }\n${CLUSTER_WIDE}`,
};

/** Long answers, the machine itself, what node { policy = "write" } is for; and metrics, which are everybody's who reaches the agent, as Nomad's: names of jobs stand in them. */
const LEFT_OUT: readonly EndpointName[] = [
  "metrics",
  "agent-monitor",
  "event-stream",
  "agent-profile",
  "agent-host",
  "snapshot",
  "node-evaluate",
  "node-purge",
  "node-drain",
  "node-eligibility",
];

const WORDS = "group meta name task environment action source variables policy description item tag service job"
  .split(" ")
  .map((word) => `zz-${word}`);

interface Hidden {
  /** What stands in answers about it; none of it may be told to who did not say it. */
  readonly words: readonly string[];
  readonly parameters: Readonly<Record<string, readonly string[]>>;
}

function hiddenJob(): Record<string, unknown> {
  const made = jobOf({ id: "zz-job", count: 2, dynamicPorts: 1 });
  const [group] = made["TaskGroups"] as [Record<string, unknown> & { Tasks: [Record<string, unknown>] }];
  Object.assign(group, {
    Name: "zz-group",
    Meta: { "zz-meta": "zz-meta-value" },
    Scaling: { Min: 1, Max: 5, Enabled: true, Policy: { zz: "zz-policy" } },
  });
  Object.assign(group, { Update: { MaxParallel: 1, MinHealthyTime: 1e9, HealthyDeadline: 60e9, ProgressDeadline: 600e9, Canary: 0 } });
  Object.assign(group.Tasks[0], { Name: "zz-task", Env: { ZZ: "zz-environment" }, Actions: [{ Name: "zz-action", Command: "/bin/true" }] });
  return { ...made, Name: "zz-name", Namespace: HIDDEN, Type: "service" };
}

async function prepare(world: World): Promise<Hidden> {
  const { server, link, random, clock, cluster } = world;
  const node = nodeOf(random, { name: "n1", attributes: { "nomad.service_discovery": "true" } });
  const connection = await link.connect(
    node,
    { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as never },
    () => undefined,
  );
  await connection.register(node);
  await server.upsertNamespace({ Name: HIDDEN, Description: "zz-description" });
  const Submission = { Source: "zz-source", Format: "hcl2", VariableFlags: {}, Variables: "zz-variables" };
  await server.registerJob({ Job: hiddenJob(), Submission, namespace: HIDDEN } as never);
  await server.variables.put(
    null,
    { Namespace: HIDDEN, Path: "zz/path", Items: { word: "zz-item" }, Lock: { ID: "", TTL: "", LockDelay: "" } },
    null,
  );
  await clock.advance(1_000);
  const snapshot = cluster.state.snapshot();
  const allocations = [...snapshot.allocationsByJob(HIDDEN, "zz-job")];
  const [first] = allocations;
  assert.ok(first !== undefined);
  await connection.upsertServices([
    {
      ID: `_nomad-task-${first.ID}-group-zz-group-zz-service-p`,
      ServiceName: "zz-service",
      Namespace: HIDDEN,
      NodeID: node.ID,
      Datacenter: "dc1",
      JobID: "zz-job",
      AllocID: first.ID,
      Tags: ["zz-tag"],
      Address: "192.0.2.77",
      Port: 1,
      CreateIndex: 0,
      ModifyIndex: 0,
    } as never,
  ]);
  const evaluations = [...cluster.state.snapshot().evaluationsByJob(HIDDEN, "zz-job")].map(({ ID }) => ID);
  const deployments = cluster.state
    .snapshot()
    .deploymentsByJob(HIDDEN, "zz-job")
    .map(({ ID }) => ID);
  assert.ok(evaluations.length > 0 && deployments.length > 0, "there is something to find");
  const services = [...cluster.state.snapshot().servicesByName(HIDDEN, "zz-service")].map(({ ID }) => ID);
  assert.equal(services.length, 1);
  const ids = [...allocations.map(({ ID }) => ID), ...evaluations, ...deployments];
  return {
    words: [...WORDS, "zz/path", "192.0.2.77", ...ids],
    parameters: {
      job: ["zz-job"],
      id: [first.ID, evaluations[0] as string, deployments[0] as string, services[0] as string, node.ID],
      allocation: [first.ID],
      name: ["zz-service", HIDDEN, "default"],
      tag: ["v1"],
      accessor: ["none"],
      profile: ["heap"],
      "*": ["zz/path"],
    },
  };
}

/** Every path of the endpoint that names something hidden. */
function pathsOf(name: EndpointName, { parameters }: Hidden): readonly string[] {
  let paths: string[] = [ENDPOINTS[name].path];
  for (const [key, values] of Object.entries(parameters)) {
    const mark = key === "*" ? "*" : `:${key}`;
    paths = paths.flatMap((path) => (path.includes(mark) ? values.map((value) => path.replace(mark, value)) : [path]));
  }
  return paths;
}

function bodiesOf({ parameters }: Hidden): readonly object[] {
  const [allocation = "", evaluation = "", deployment = ""] = parameters["id"] ?? [];
  return [
    { Prefix: "", Context: "all", Text: "zz", Namespace: "*", Jobs: [{ Namespace: HIDDEN, ID: "zz-job" }], Name: "default" },
    { Job: hiddenJob(), JobID: "zz-job", Diff: true, JobVersion: 0, Version: 0, Stable: true, Target: { Group: "zz-group" }, Count: 1 },
    { Job: { ...jobOf({ id: "zz-job", count: 1 }), Namespace: undefined, namespace: HIDDEN }, Namespace: HIDDEN, EvalIDs: [evaluation] },
    {
      DeploymentID: deployment,
      All: true,
      Pause: true,
      HealthyAllocationIDs: [allocation],
      Namespace: HIDDEN,
      Path: "zz/path",
      Items: { word: "x" },
    },
  ];
}

function kept(snapshot: Snapshot): string {
  return JSON.stringify([
    [...snapshot.jobs(HIDDEN)],
    [...snapshot.allocationsByJob(HIDDEN, "zz-job")],
    [...snapshot.evaluationsByJob(HIDDEN, "zz-job")].length,
    snapshot.deploymentsByJob(HIDDEN, "zz-job"),
    [...snapshot.services(HIDDEN)],
    [...snapshot.variables(HIDDEN, "")],
    snapshot.namespace(HIDDEN),
  ]);
}

function apiOf(world: World, grant: Grant): Api {
  return createApi({
    server: world.server,
    cluster: world.cluster,
    localNode: null,
    agent: {
      member: () => ({ Name: "s1", Tags: {} }),
      config: () => ({}),
      stats: () => ({}),
      serverAddresses: () => [],
    } as unknown as AgentFacts,
    access: { enabled: true, resolve: async () => grant },
    clock: world.clock,
    random: createSeededRandom(1),
    region: "global",
    datacenter: "dc1",
  });
}

for (const [who, policy] of Object.entries(ATTACKERS)) {
  test(`who may everything ${who} hears nothing of it by any endpoint, and changes nothing in it`, () =>
    inside({ server: { keyEncryption: memoryKeyEncryption(), keyring: { algorithm: "EdDSA" } } }, async (world) => {
      const hidden = await prepare(world);
      const grant: Grant = { ...NOTHING, Subject: "attacker", AccessorID: "attacker", Rules: mergeRules([parsePolicy(policy, "p")]) };
      const [api, manager] = [apiOf(world, grant), apiOf(world, { ...grant, Management: true })];
      const before = kept(world.cluster.state.snapshot());
      let asked = 0;
      let found = 0;
      const told = (answer: string, said: string) => hidden.words.filter((word) => answer.includes(word) && !said.includes(word));
      try {
        for (const [name, { methods }] of Object.entries(ENDPOINTS) as [EndpointName, { methods: readonly Method[] }][]) {
          if (LEFT_OUT.includes(name)) continue;
          for (const method of methods) {
            for (const path of pathsOf(name, hidden)) {
              for (const namespace of ["", "default", HIDDEN, "*"]) {
                const url = `${path}?namespace=${encodeURIComponent(namespace)}&all=true&prefix=&path=/&task=t&diffs=true&related=true`;
                for (const body of method === "GET" ? [undefined] : bodiesOf(hidden)) {
                  const payload = body === undefined ? undefined : JSON.stringify(body);
                  const request = { method, url, ...(payload === undefined ? {} : { payload }) };
                  const answer = await api.inject(request);
                  const said = `${url} ${payload ?? ""}`;
                  assert.deepEqual(told(answer.body, said), [], `${method} ${said} → ${answer.statusCode} ${answer.body.slice(0, 600)}`);
                  if (method !== "GET")
                    assert.ok(kept(world.cluster.state.snapshot()) === before, `it changed by ${method} ${said} → ${answer.statusCode}`);
                  asked += 1;
                  // That the questions are good ones: who may is told.
                  if (method === "GET" && !needsOf(name, method).every(({ kind }) => kind === "anyone")) {
                    if (told((await manager.inject(request)).body, said).length > 0) found += 1;
                  }
                }
              }
            }
          }
        }
      } finally {
        await Promise.all([api.close(), manager.close()]);
      }
      assert.ok(asked > 500 && found > 60, `${asked} questions, ${found} of them answered to a manager`);
    }));
}
