import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Allocation, Node, Service } from "#model";
import { serviceInstances, type Instances } from "../../../../src/client/registration/instances.ts";
import { allocationId, anAllocation } from "../stage.ts";
import { aCheck, aPort, aService } from "./nouns.ts";

const A = allocationId("a");
const NODE = { ID: "n", Attributes: { "unique.network.ip-address": "192.0.2.9" }, NodeResources: { Networks: [] } } as unknown as Node;

const NAMES: Readonly<Record<string, string>> = { NOMAD_ALLOC_INDEX: "0", NOMAD_JOB_NAME: "app" };

function offered(services: readonly Service[], more: Partial<Allocation> = {}, taskServices: readonly Service[] = []): Instances {
  const allocation = anAllocation("a", { group: { Services: [...services] }, tasks: [{ Services: [...taskServices] }] });
  const resources = {
    ...allocation.AllocatedResources,
    Shared: { DiskMB: 1, Networks: [], Ports: [aPort("http", 20_001, 8080), aPort("admin", 20_002)] },
  };
  return serviceInstances({
    allocation: { ...allocation, AllocatedResources: resources, ...more } as Allocation,
    group: allocation.Job.TaskGroups[0] as never,
    node: NODE,
    names: (task) => new Map(Object.entries({ ...NAMES, NOMAD_TASK_NAME: task })),
  });
}
const one = (...words: Parameters<typeof offered>) => {
  const { instances, problems } = offered(...words);
  assert.deepEqual(problems, []);
  assert.equal(instances.length, 1);
  return instances[0] as (typeof instances)[number];
};

describe("what an allocation offers", () => {
  test("has ids made of names alone: the group's say so, a task's carry the task", () => {
    assert.equal(one([aService()]).ID, `_nomad-task-${A}-group-web-web-http`);
    const own = one([], {}, [aService({ Name: "api-${NOMAD_ALLOC_INDEX}", PortLabel: "admin" })]);
    assert.equal(own.ID, `_nomad-task-${A}-main-api-0-admin`);
    assert.equal(own.Task, "main");
    assert.equal(one([aService({ PortLabel: "" })]).ID, `_nomad-task-${A}-group-web-web-`);
  });

  test("is interpolated with the environment of its task or group", () => {
    const made = one([], {}, [
      aService({
        Tags: ["${NOMAD_TASK_NAME}", "plain"],
        Meta: { of: "${NOMAD_JOB_NAME}", unknown: "${NOBODY}" },
        TaggedAddresses: { wan: "203.0.113.1:80" },
      }),
    ]);
    assert.deepEqual(made.Tags, ["main", "plain"]);
    assert.deepEqual(made.Meta, { of: "app", unknown: "${NOBODY}" });
    assert.deepEqual(made.TaggedAddresses, { wan: { Address: "203.0.113.1", Port: 80 } });
  });

  test("of a canary has the canary's tags and meta until it is promoted, where it has any", () => {
    const service = aService({ Tags: ["live"], CanaryTags: ["canary"], Meta: { is: "live" }, CanaryMeta: { is: "canary" } });
    const Canary = { Healthy: null, Canary: true, Timestamp: "", ModifyIndex: 1 };
    const canary = one([service], { DeploymentStatus: Canary });
    assert.deepEqual([canary.Tags, canary.Meta], [["canary"], { is: "canary" }]);
    const promoted = one([service], { DeploymentStatus: { ...Canary, Canary: false } });
    assert.deepEqual([promoted.Tags, promoted.Meta], [["live"], { is: "live" }]);
    assert.equal(promoted.ID, canary.ID);
    assert.deepEqual(one([aService({ Tags: ["live"] })], { DeploymentStatus: Canary }).Tags, ["live"]);
  });

  test("is reached by its port: a label, a number at the node's own address, or none; an explicit address wins", () => {
    const place = ({ Address, Port }: { Address: string; Port: number }) => [Address, Port];
    assert.deepEqual(place(one([aService()])), ["192.0.2.5", 20_001]);
    assert.deepEqual(place(one([aService({ AddressMode: "host", PortLabel: "admin" })])), ["192.0.2.5", 20_002]);
    assert.deepEqual(place(one([aService({ PortLabel: "9090" })])), ["192.0.2.5", 9090]);
    assert.deepEqual(place(one([aService({ PortLabel: "" })])), ["192.0.2.5", 0]);
    assert.deepEqual(place(one([aService({ Address: "web.example.org" })])), ["web.example.org", 20_001]);
  });

  test("is reached by a port of its task's own network, also a group's that names the task; a port on every address by the node's", () => {
    const Networks = [{ IP: "192.0.2.7", ReservedPorts: [], DynamicPorts: [{ Label: "old", Value: 20_009, To: 0 }] }];
    const place = (service: Service, tasks: readonly Service[], Shared: object) => {
      const AllocatedResources = { Tasks: { main: { Networks } }, Shared: { DiskMB: 1, Networks: [], ...Shared } };
      const { Address, Port } = one(tasks.length > 0 ? [] : [service], { AllocatedResources } as never, tasks);
      return [Address, Port];
    };
    const old = aService({ PortLabel: "old" });
    assert.deepEqual(place(old, [old], { Ports: [] }), ["192.0.2.7", 20_009]);
    assert.deepEqual(place(aService({ PortLabel: "old", TaskName: "main" }), [], { Ports: [] }), ["192.0.2.7", 20_009]);
    const everywhere = { Ports: [{ ...aPort("http", 20_001), HostIP: "" }] };
    assert.deepEqual(place(aService(), [], everywhere), ["192.0.2.9", 20_001]);
    assert.deepEqual(place(aService({ AddressMode: "host" }), [], everywhere), ["192.0.2.9", 20_001]);
  });

  test("whose name is another's when both are filled in is a problem: neither takes the other's place", () => {
    const both = [aService({ Name: "web-${NOMAD_JOB_NAME}" }), aService({ Name: "web-app", Tags: ["other"] })];
    const { instances, problems } = offered(both);
    assert.deepEqual([instances.length, instances[0]?.Tags, problems.length], [1, [], 1]);
    assert.deepEqual(offered([aService(), aService({ Provider: "consul" })]).problems, [], "two catalogs hold one each");
    assert.match(problems[0] ?? "", /service "web-app": another one of the allocation has the same name and port/);
  });

  test("names what cannot be offered, and offers the rest", () => {
    const { instances, problems } = offered([
      aService({ Name: "lost", PortLabel: "nothing" }),
      aService({ Name: "inside", AddressMode: "alloc" }),
      aService({ Checks: [aCheck({ Name: "odd", PortLabel: "70000" }), aCheck()] }),
    ]);
    assert.deepEqual(
      instances.map((each) => each.Name),
      ["web"],
    );
    assert.deepEqual(
      instances[0]?.Checks.map((check) => check.Name),
      ["lives"],
    );
    assert.match(problems[0] ?? "", /service "lost": port "nothing" is neither a port label/);
    assert.match(problems[1] ?? "", /service "inside": address_mode "alloc" cannot be used/);
    assert.match(problems[2] ?? "", /service "web": check "odd": port "70000"/);
  });

  test("carries the identity it is registered for, as its block names it", () => {
    const Identity = { Name: "consul-service_main-web-http", Audience: ["consul.io"] } as never;
    assert.deepEqual(one([], {}, [aService({ Name: "web-${NOMAD_ALLOC_INDEX}", Identity })]).Identity, {
      AllocationID: A,
      Workload: { Kind: "service", Service: "web-${NOMAD_ALLOC_INDEX}", Task: "main" },
      Identity: "consul-service_main-web-http",
    });
    assert.equal(one([aService()]).Identity, undefined);
  });
});

describe("the checks of what is offered", () => {
  const check = (fields: Parameters<typeof aCheck>[0], service: Parameters<typeof aService>[0] = {}, task = false) => {
    const made = aService({ Checks: [aCheck(fields)], ...service });
    const found = (task ? one([], {}, [made]) : one([made])).Checks[0];
    assert.ok(found !== undefined);
    return found;
  };

  test("have an id of what they say, which stays while they say it", () => {
    const first = check({});
    assert.match(first.ID, /^[0-9a-f]{40}$/);
    assert.match(check({}, { Provider: "consul" }).ID, /^_nomad-check-[0-9a-f]{40}$/);
    assert.equal(check({}).ID, first.ID);
    for (const other of [check({ Path: "/other" }), check({ Interval: 11e9 }), check({}, { Name: "other" }), check({}, {}, true)])
      assert.notEqual(other.ID, first.ID);
  });

  test("look at the service's port at the host, at their own, or where its author said", () => {
    const at = ({ Address, Port }: { Address: string; Port: number }) => [Address, Port];
    assert.deepEqual(at(check({})), ["192.0.2.5", 20_001]);
    assert.deepEqual(at(check({ PortLabel: "admin" })), ["192.0.2.5", 20_002]);
    assert.deepEqual(at(check({}, { Address: "web.example.org" })), ["web.example.org", 20_001]);
    assert.deepEqual(at(check({ AddressMode: "host" }, { Address: "web.example.org" })), ["192.0.2.5", 20_001]);
  });

  test("are GET over http unless they say otherwise; tcp has neither", () => {
    const said = ({ Protocol, Method }: { Protocol: string; Method: string }) => [Protocol, Method];
    assert.deepEqual(said(check({})), ["http", "GET"]);
    assert.deepEqual(said(check({ Protocol: "https", Method: "HEAD" })), ["https", "HEAD"]);
    assert.deepEqual(said(check({ Type: "tcp" })), ["", ""]);
    assert.equal(check({ Name: "" }).Name, 'service: "web" check');
  });

  test("take on_update and check_restart from their service where they have none", () => {
    assert.equal(check({}, { OnUpdate: "" }).OnUpdate, "require_healthy");
    assert.equal(check({}, { OnUpdate: "ignore_warnings" }).OnUpdate, "ignore_warnings");
    assert.equal(check({ OnUpdate: "ignore" }, { OnUpdate: "ignore_warnings" }).OnUpdate, "ignore");
    assert.equal(check({}).Restart, null);
    const CheckRestart = { Limit: 3, Grace: 60e9, IgnoreWarnings: true };
    assert.deepEqual(check({}, { CheckRestart }).Restart, { Limit: 3, GraceNs: 60e9, IgnoreWarnings: true });
    assert.deepEqual(check({ CheckRestart: { Limit: 5, Grace: null, IgnoreWarnings: false } }, { CheckRestart }).Restart, {
      Limit: 5,
      GraceNs: 60e9,
      IgnoreWarnings: true,
    });
    assert.equal(check({ CheckRestart: { Limit: 1, Grace: null, IgnoreWarnings: false } }).Restart?.GraceNs, 1e9);
  });

  test("belong to the task they name, their service names, or their service is of", () => {
    assert.equal(check({}).Task, "");
    assert.equal(check({}, { TaskName: "main" }).Task, "main");
    assert.equal(check({ Type: "script", Command: "x", TaskName: "side" }, { TaskName: "main" }).Task, "side");
    assert.equal(check({}, {}, true).Task, "main");
  });
});
