/**
 * Many nodes on three servers: all register, they come spread over time, and when the leader dies those that were on it are on another within a
 * minute while nothing at all is written about any of them. 150 in the gate, 1,000 in the soak; the costs are printed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { beatsBySecond, startManyNodes } from "./parts/many-nodes.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 400_000 };
const NODES = testScale() >= 10 ? 1_000 : 150;
const PATIENCE_MS = 120_000;
const WITHIN_MS = 60_000;
const WATCH_MS = 5_000;

test(`${NODES} nodes outlive the leader of three servers`, LIVE, async (t) => {
  const many = await startManyNodes(t);
  try {
    const empty = await many.cost(1_000);
    const startedMs = performance.now();
    many.startNodes(NODES);
    await eventually("all nodes to be registered", () => many.latest().registered === NODES, PATIENCE_MS);
    t.diagnostic(`${NODES} nodes registered after ${Math.round(performance.now() - startedMs)} ms`);
    for (const server of many.servers) {
      await eventually(
        "every server to know them",
        async () => (await many.seenBy(server)).filter(({ Status }) => Status === "ready").length === NODES,
      );
    }
    const rest = await many.cost(WATCH_MS);
    for (const [at, agent] of rest.agents.entries()) {
      const perNodeKb = ((agent.residentMb - (empty.agents[at]?.residentMb ?? 0)) * 1024) / NODES;
      const consul = rest.consuls[at];
      t.diagnostic(
        `server ${at + 1}: ${agent.residentMb.toFixed(0)} MB (${perNodeKb.toFixed(0)} KB a node), ${agent.cpuPercent.toFixed(1)} % of a core; ` +
          `Consul ${consul?.residentMb.toFixed(0)} MB, ${consul?.cpuPercent.toFixed(1)} %`,
      );
    }
    t.diagnostic(`the nodes' process: ${rest.nodes?.residentMb.toFixed(0)} MB, ${rest.nodes?.cpuPercent.toFixed(1)} %`);

    const leader = await many.leader();
    const survivors = many.servers.filter((each) => each !== leader);
    const before = new Map((await many.seenBy(leader)).map((node) => [node.ID, node.ModifyIndex]));
    const onLeader = many.latest().byServer[`${leader.address}:4647`] ?? 0;
    assert.ok(onLeader > 0 && onLeader < NODES, `${onLeader} of ${NODES} nodes are on the leader`);
    const killedMs = performance.now();
    await many.process(leader).kill9();
    await eventually("the nodes of the dead leader to miss it", () => many.latest().lost >= onLeader, WITHIN_MS);
    await eventually("all nodes to be registered again", () => many.latest().registered === NODES, WITHIN_MS);
    const backMs = performance.now() - killedMs;
    t.diagnostic(
      `leader killed: its ${onLeader} nodes were on another after ${Math.round(backMs)} ms; it had ${many.latest().lost} losses`,
    );
    assert.ok(backMs < WITHIN_MS);
    const after = await many.leader();
    t.diagnostic(`${after.name} leads after ${Math.round(performance.now() - killedMs)} ms`);
    // Until each has been heard again by the one that leads now, however late it comes.
    const heard = many.latest().beats;
    await eventually("two heartbeats of every node", () => many.latest().beats >= heard + 2 * NODES, PATIENCE_MS);
    for (const server of survivors) {
      const nodes = await many.seenBy(server);
      assert.equal(nodes.length, NODES);
      assert.deepEqual(
        nodes.filter((node) => node.Status !== "ready" || node.ModifyIndex !== before.get(node.ID)),
        [],
        "nothing was written of any node",
      );
    }
    const reports = many.reports();
    const quietMs = reports.find(({ beats }) => beats >= heard + NODES)?.atMs ?? 0;
    const spread = beatsBySecond(reports, quietMs, reports.at(-1)?.atMs ?? 0);
    const mean = spread.reduce((sum, each) => sum + each, 0) / spread.length;
    t.diagnostic(`heartbeats a second: ${mean.toFixed(1)}, at most ${Math.max(...spread)}`);
    assert.ok(Math.max(...spread) <= 3 * mean + 5, `heartbeats come together: ${spread.join(" ")}`);
    assert.equal(many.latest().stopped, 0);
  } catch (error) {
    t.diagnostic(`${JSON.stringify(many.latest())}\n${many.lastWords()}`);
    throw error;
  }
});
