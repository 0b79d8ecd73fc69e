import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryCatalog, createSeededRandom, createVirtualClock } from "#integrations/memory";
import { Concealed } from "#std";
import type { ConsulConfig } from "../../../src/agent/config/mod.ts";
import { agentOwner } from "../../../src/agent/consul.ts";
import { agentServices, keepRegistered, type AgentPresence } from "../../../src/agent/consul-registration.ts";

const CONFIG: ConsulConfig = {
  address: "",
  token: new Concealed(""),
  auth: new Concealed(""),
  tls: { caFile: "", certFile: "", keyFile: "", verify: true },
  shareTls: true,
  timeoutMs: 5000,
  tags: ["west"],
  autoAdvertise: true,
  serverAutoJoin: true,
  clientAutoJoin: true,
  serverServiceName: "herd",
  clientServiceName: "herd-client",
  checksUseAdvertise: false,
  checkNames: { serverHttp: "H", serverSerf: "S", serverRpc: "R", clientHttp: "C" },
  serverFailures: { beforeCritical: 3, beforeWarning: 1 },
  clientFailures: { beforeCritical: 5, beforeWarning: 2 },
  serviceAuthMethod: "",
  taskAuthMethod: "",
  serviceIdentity: null,
  taskIdentity: null,
  grpcAddress: "",
  grpcCaFile: "",
};

function presence(host: string): AgentPresence {
  return {
    owner: "agent-1",
    httpsOnly: false,
    server: {
      http: { advertised: `${host}:4646`, bound: "0.0.0.0:4646" },
      rpc: { advertised: `${host}:4647`, bound: "0.0.0.0:4647" },
      serf: { advertised: `${host}:4648`, bound: "" },
    },
    client: { http: { advertised: `${host}:4646`, bound: "0.0.0.0:4646" } },
  };
}

test("server and client are services by the configured names, looked at where this machine reaches them", () => {
  const told = agentServices(CONFIG, presence("192.0.2.1")).map(({ Name, Tags, Address, Port, Checks }) => [
    `${Name} ${Tags.join(",")} ${Address}:${Port}`,
    ...Checks.map((each) => `${each.Type} ${each.Name} ${each.Address}:${each.Port}${each.Path} ${each.FailuresBeforeCritical}`),
  ]);
  assert.deepEqual(told, [
    ["herd http,west 192.0.2.1:4646", "http H 127.0.0.1:4646/v1/agent/health?type=server 3"],
    ["herd rpc,west 192.0.2.1:4647", "tcp R 127.0.0.1:4647 3"],
    ["herd serf,west 192.0.2.1:4648"],
    ["herd-client http,west 192.0.2.1:4646", "http C 127.0.0.1:4646/v1/agent/health?type=client 5"],
  ]);
  const advertised = agentServices({ ...CONFIG, checksUseAdvertise: true }, presence("2001:db8::1".replace(/.*/, "[2001:db8::1]")));
  assert.deepEqual([advertised[0]?.Address, advertised[0]?.Checks[0]?.Address], ["2001:db8::1", "2001:db8::1"]);
  assert.deepEqual(agentServices({ ...CONFIG, autoAdvertise: false }, presence("192.0.2.1")), []);
});

test("an agent that listens at all addresses is looked at by one of the machine's own", () => {
  const looked = (bound: string) =>
    agentServices(CONFIG, { ...presence("192.0.2.1"), server: undefined, client: { http: { advertised: "192.0.2.1:4646", bound } } })[0]
      ?.Checks[0];
  assert.deepEqual(
    [looked("0.0.0.0:4646")?.Address, looked("[::]:4646")?.Address, looked("[::1]:4646")?.Address],
    ["127.0.0.1", "::1", "::1"],
  );
});

test("ids hang on the owner and the role, not on the address (F32)", () => {
  const ids = (host: string, owner = "agent-1") => agentServices(CONFIG, { ...presence(host), owner }).map((each) => each.ID);
  assert.deepEqual(ids("192.0.2.1"), ids("192.0.2.2"));
  assert.equal(new Set([...ids("192.0.2.1"), ...ids("192.0.2.1", "agent-2")]).size, 8);
});

test("a dev agent is the same again on its port, and another where any port was given (F29)", () => {
  const config = (http: string) => ({ dev: true, name: "host", advertise: { http, rpc: "", serf: "" }, dataDirectory: "/none" });
  const owner = (http: string, ...bound: string[]) => agentOwner(config(http), bound);
  assert.equal(owner("127.0.0.1:4646", "127.0.0.1:4646"), owner("127.0.0.1:4646", "127.0.0.1:4646"));
  assert.notEqual(owner("127.0.0.1:0", "127.0.0.1:30001"), owner("127.0.0.1:0", "127.0.0.1:30002"));
  assert.equal(owner("127.0.0.1:0", "unix:///run/a.sock", "127.0.0.1:30001"), owner("127.0.0.1:0", "127.0.0.1:30001"));
});

test("a catalog that is away at the start, or loses its data, is told again; trouble is reported once, and its end", async () => {
  const clock = createVirtualClock();
  const world = createMemoryCatalog("consul");
  const reports: string[] = [];
  let host = "192.0.2.1";
  world.away = true;
  const kept = keepRegistered({
    catalog: world.as("agent-1"),
    wanted: () => agentServices(CONFIG, presence(host)),
    clock,
    random: createSeededRandom(1),
    report: (level) => reports.push(level),
  });
  const registered = async () => [...(await world.as("agent-1").owned()).keys()].length;
  await clock.advance(30_000);
  assert.deepEqual(reports, ["warn"]);
  world.away = false;
  await clock.advance(10_000);
  assert.deepEqual(reports, ["warn", "info"]);
  assert.equal(await registered(), 4);
  world.wipe();
  await clock.advance(40_000);
  assert.equal(await registered(), 4);
  host = "192.0.2.2";
  kept.nudge();
  await clock.advance(0);
  assert.equal(await registered(), 4);
  const closing = kept.close();
  await clock.advance(0);
  await closing;
  assert.equal(await registered(), 0);
  await clock.advance(120_000);
  assert.equal(await registered(), 0, "nothing comes back after the stop");
});
