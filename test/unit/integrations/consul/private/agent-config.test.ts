import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { agentConfig } from "../../../../../integrations/consul/private/agent-config.ts";
import { findProcess, removeOtherConfigs, whyItEnded, writeConfig } from "../../../../../integrations/consul/private/agent-process.ts";
import { findConsul } from "../../../../../integrations/consul/private/binary.ts";
import { nodeIdOf, tokensOf } from "../../../../../integrations/consul/private/secrets.ts";

const KEY = randomBytes(32).toString("base64");
const TLS = { caFile: "/ca.pem", certFile: "/s.pem", keyFile: "/s.key" };
const OPTIONS = {
  directory: "/data/server/consul",
  binary: "",
  searchPath: "",
  name: "s1",
  region: "Global",
  bind: "10.0.0.1",
  advertise: "10.0.0.1",
  ports: { serf: 4648, rpc: 4649 },
  bootstrapExpect: 3,
  encrypt: "",
  serverId: "0b5f3a0e-6d4c-4a53-9f7e-0e2f5a3c1d2b",
  rejoinAfterLeave: false,
};
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("only gossip and RPC are opened, the datacenter is the region, and the node's id is the server's", () => {
  const config = agentConfig(OPTIONS);
  assert.deepEqual(config["ports"], { http: 8500, https: -1, grpc: -1, grpc_tls: -1, dns: -1, serf_lan: 4648, serf_wan: -1, server: 4649 });
  assert.deepEqual(config["addresses"], { http: "unix:///data/server/consul/http.sock" });
  assert.deepEqual([config["datacenter"], config["domain"], config["node_id"]], ["global", "nomad", OPTIONS.serverId]);
  assert.equal(config["bootstrap_expect"], 3);
  assert.ok(!("acl" in config) && !("tls" in config) && !("encrypt" in config));
  assert.ok(!("bootstrap_expect" in agentConfig({ ...OPTIONS, bootstrapExpect: 0 })));
});

test("ACLs are on where there are certificates and a key; all servers make the same tokens from it", () => {
  const config = agentConfig({ ...OPTIONS, encrypt: KEY, tls: TLS });
  const tokens = tokensOf(KEY, "Global");
  assert.deepEqual((config["acl"] as { tokens: unknown }).tokens, {
    initial_management: tokens.management,
    agent: tokens.management,
    agent_recovery: tokens.agent,
  });
  for (const token of Object.values(tokens)) assert.match(token, UUID);
  assert.notEqual(tokens.management, tokens.agent);
  assert.notEqual(tokensOf(KEY, "other").management, tokens.management);
  assert.ok(!("acl" in agentConfig({ ...OPTIONS, encrypt: KEY })));
  assert.ok(!("acl" in agentConfig({ ...OPTIONS, tls: TLS })));
  const strict = (more: object): unknown =>
    (agentConfig({ ...OPTIONS, tls: { ...TLS, ...more } })["tls"] as { internal_rpc: unknown }).internal_rpc;
  assert.deepEqual(strict({}), { verify_incoming: true, verify_outgoing: true, verify_server_hostname: true });
  assert.deepEqual(strict({ acceptPlain: true }), { verify_incoming: false, verify_outgoing: false, verify_server_hostname: false });
});

test("an id that is no UUID still makes one, always the same", () => {
  assert.match(nodeIdOf("server-7"), UUID);
  assert.equal(nodeIdOf("server-7"), nodeIdOf("server-7"));
  assert.notEqual(nodeIdOf("server-7"), nodeIdOf("server-8"));
});

test("what cannot work is refused before anything starts", () => {
  assert.throws(() => agentConfig({ ...OPTIONS, region: "eu.west" }), { code: "CONSUL_REGION_UNFIT" });
  for (const encrypt of ["abc", randomBytes(31).toString("base64"), `${KEY} `])
    assert.throws(() => agentConfig({ ...OPTIONS, encrypt }), { code: "GOSSIP_KEY_INVALID" });
  assert.throws(() => agentConfig({ ...OPTIONS, directory: `/${"d".repeat(100)}` }), { code: "CONSUL_SOCKET_PATH_TOO_LONG" });
});

test("a configuration's file is named after what stands in it, for its owner alone; others are removed", (t) => {
  const folder = own(t);
  const first = writeConfig(folder, { a: 1 }, "mark");
  assert.equal(writeConfig(folder, { a: 1 }, "mark"), first);
  assert.notEqual(writeConfig(folder, { a: 1 }, "other program"), first);
  const second = writeConfig(folder, { a: 2 }, "mark");
  assert.equal(statSync(second).mode & 0o777, 0o600);
  removeOtherConfigs(folder, second);
  assert.deepEqual(readdirSync(folder), [basename(second)]);
  assert.equal(findProcess(folder), undefined);
});

test("why Consul ended is read from its last words", (t) => {
  const folder = own(t);
  const [words, log] = [join(folder, "words"), join(folder, "log")];
  assert.match(whyItEnded(words, log).message, /without a word/);
  writeFileSync(
    log,
    '2026 [INFO] agent: x\n2026 [ERROR] agent: Error starting agent: error="listen tcp 10.0.0.1:4649: bind: address already in use"\n',
  );
  assert.match(whyItEnded(words, log).message, /10\.0\.0\.1:4649 is taken/);
  assert.equal(whyItEnded(words, log).code, "CONSUL_PORT_TAKEN");
  writeFileSync(log, "2026-11-22 [ERROR] agent: the disk is full\n");
  assert.match(whyItEnded(words, log).message, /Cannot start a private Consul: agent: the disk is full$/);
});

test("a program that is missing is told with how to get one", async (t) => {
  const folder = own(t);
  mkdirSync(join(folder, "consul"));
  for (const [binary, path] of [
    ["", folder],
    [join(folder, "none"), ""],
  ] as const)
    await assert.rejects(findConsul(binary, path), { code: "CONSUL_BINARY_MISSING" });
});

function own(t: { after(remove: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), `drover-private-${process.pid}-`));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
