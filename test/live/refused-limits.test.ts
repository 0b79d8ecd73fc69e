/** limits { … } of the real program: connections per client, handshakes that never end, bodies too large; and who reads an event stream a byte a second. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { testScale } from "../scale.ts";
import { openHouse } from "./parts/house.ts";
import { eventually, freePort, startRealAgent, temporaryDirectory, type RealAgent } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };
const SERVER = "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n";

async function server(t: TestContext, limits: string, more = ""): Promise<{ readonly agent: RealAgent; readonly rpcPort: number }> {
  const rpcPort = await freePort();
  const agent = await startRealAgent({
    config: { "10-server.hcl": `${SERVER}ports { rpc = ${rpcPort} }\nlimits {\n${limits}\n}\n${more}` },
    ready: false,
  });
  t.after(() => agent.remove());
  await eventually("it to listen", async () => (await tryOpen(agent.port)) && (await tryOpen(rpcPort)), 60_000).catch((error: unknown) =>
    assert.fail(`${String(error)}\n${agent.output()}`),
  );
  return { agent, rpcPort };
}

/** What is said to `hello`, until the end, and when that was. */
function knock(
  t: TestContext,
  port: number,
  hello = "",
): { readonly socket: Socket; readonly said: () => string; readonly ended: Promise<number> } {
  const started = performance.now();
  let said = "";
  const socket = connect(port, "127.0.0.1");
  socket.setEncoding("latin1").on("data", (part: string) => (said += part));
  socket.on("error", () => undefined);
  if (hello !== "") socket.write(hello);
  t.after(() => socket.destroy());
  return { socket, said: () => said, ended: new Promise((resolve) => socket.once("close", () => resolve(performance.now() - started))) };
}

async function tryOpen(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const opened = await Promise.race([once(socket, "connect").then(() => true), once(socket, "error").then(() => false)]).catch(() => false);
  socket.destroy();
  return opened;
}

const GET = "GET /v1/status/leader HTTP/1.1\r\nhost: localhost\r\n\r\n";

test("connections per client, over HTTP and on the port of nodes; a body too large", LIVE, async (t) => {
  const { agent, rpcPort } = await server(t, 'http_max_conns_per_client = 3\nrpc_max_conns_per_client = 2\nrpc_handshake_timeout = "1s"');
  // Those of the start have been closed; that is noticed soon.
  const held = await eventually("three to be held", async () => {
    const three = [knock(t, agent.port, GET), knock(t, agent.port, GET), knock(t, agent.port, GET)];
    await Promise.all(three.map(({ said }) => eventually("an answer", () => said() !== "", 10_000)));
    if (three.every(({ said }) => said().startsWith("HTTP/1.1 200"))) return three;
    for (const { socket } of three) socket.destroy();
    return undefined;
  });
  const fourth = knock(t, agent.port, GET);
  await fourth.ended;
  assert.match(fourth.said(), /^HTTP\/1\.1 429 Too Many Requests\r\n.*too many concurrent connections/s);
  for (const { socket } of held) socket.destroy();
  await eventually("room again", async () => (await agent.request("/v1/status/leader").catch(() => undefined))?.status === 200);

  const [one, two, three] = [knock(t, rpcPort), knock(t, rpcPort), knock(t, rpcPort)];
  const times = await Promise.all([one.ended, two.ended, three.ended]);
  assert.ok(Math.min(...times) < 900, `the third is refused at once: ${times.map(Math.round).join()}`);
  assert.ok(
    Math.max(...times) >= 900 && Math.max(...times) < 10_000,
    `the others when they have said nothing for a second: ${times.map(Math.round).join()}`,
  );

  const large = await agent.request("/v1/jobs", { method: "PUT", body: "x".repeat(9 * 1024 * 1024) });
  assert.equal(large.status, 413);
  assert.match(await large.text(), /at most 8388608 are taken/);
});

test("HTTPS: who never finishes a handshake is out in time, who is one too many is told so", LIVE, async (t) => {
  const folder = temporaryDirectory("limits-tls");
  t.after(() => folder.remove());
  const house = openHouse(folder.path, "house");
  const { cert, key } = house.issue("server", { dns: ["server.global.nomad", "localhost"], addresses: ["127.0.0.1"] });
  const tls = `tls {\n  http = true\n  ca_file = "${house.file}"\n  cert_file = "${cert}"\n  key_file = "${key}"\n}\n`;
  const { agent } = await server(t, 'https_handshake_timeout = "1s"', tls);
  const silent = knock(t, agent.port);
  const begun = knock(t, agent.port, "\x16\x03\x01");
  for (const tookMs of await Promise.all([silent.ended, begun.ended])) assert.ok(tookMs >= 900 && tookMs < 10_000, `${tookMs}`);
  const plain = knock(t, agent.port, GET);
  await plain.ended;
  assert.match(plain.said(), /^HTTP\/1\.1 400 .*HTTP request to an HTTPS server/s);
});

test("who reads events a byte a second costs nothing, and is let go with where to go on (F22)", LIVE, async (t) => {
  const { agent } = await server(t, "http_max_conns_per_client = 20");
  await eventually("a leader", async () => (await agent.request("/v1/status/leader")).status === 200, 60_000);
  const rssMB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(join("/proc", String(agent.pid), "status"), "utf8"))?.[1] ?? 0) / 1024;
  const put = async (number: number): Promise<void> => {
    const body = JSON.stringify({
      Name: `n${number % 5}`,
      Description: `${number}`.padEnd(200, "x"),
      Meta: { filler: "x".repeat(60_000) },
    });
    const answer = await agent.request("/v1/namespace", { method: "PUT", body });
    assert.equal(answer.status, 200, await answer.text());
  };
  for (let number = 0; number < 50; number++) await put(number);
  const before = rssMB();
  let said = "";
  const socket = connect(agent.port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => undefined).setEncoding("utf8");
  socket.write("GET /v1/event/stream?topic=Operator&topic=Node&topic=NodePool HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
  // Nothing is taken from the kernel but a byte a second.
  socket.pause();
  const reading = setInterval(() => (said += String(socket.read(1) ?? "")), 1_000);
  t.after(() => clearInterval(reading));
  const pools = async (number: number): Promise<void> => {
    const body = JSON.stringify({ Name: `p${number % 5}`, Description: `${number}`, Meta: { filler: "x".repeat(60_000) } });
    const answer = await agent.request("/v1/node/pools", { method: "PUT", body });
    assert.equal(answer.status, 200, await answer.text());
  };
  for (let number = 0; number < 250 * testScale(); number++) await pools(number);
  const grown = rssMB() - before;
  t.diagnostic(`RSS ${Math.round(before)} MB, then ${Math.round(grown)} MB more`);
  assert.ok(grown < 150, `${Math.round(grown)} MB more`);
  // What it missed meanwhile is gone from the buffer: that is told, and where to go on. Who never wakes is given up in unit/api/patience.test.ts.
  clearInterval(reading);
  socket.on("data", (part: string) => (said += part)).resume();
  await once(socket, "close");
  assert.match(said.slice(-400), /"Error":"Cannot continue event stream: .*index[= ]\d+/);
});
