/**
 * One value that five hundred allocations use is changed: whole clients on ten nodes, whole servers, and either is killed again and again. Every stop
 * and start of a process is heard at the moment it happens, so nothing that was down for a moment is missed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryThings } from "#integrations/memory";
import type { AllocationId } from "#model";
import { createStage, type Agent, type Stage } from "../unit/client/stage.ts";
import { aTemplate, keyThing, QUICK, smallRenderer } from "../unit/client/templates/parts.ts";
import { testScale } from "../scale.ts";
import { startWorld } from "./world.ts";

const SECOND_NS = 1e9;
const SERVER_DEATHS = 3;
const AGENT_DEATHS = 10;

for (const { allocations, nodes, max, seed } of [
  { allocations: 500, nodes: 10, max: 25, seed: 11 },
  ...(testScale() > 1
    ? [
        { allocations: 500, nodes: 10, max: 3, seed: 12 },
        { allocations: 500, nodes: 25, max: 5, seed: 13 },
      ]
    : []),
]) {
  test(`${allocations} allocations on ${nodes} nodes take a change up with at most ${max} down, though ${AGENT_DEATHS} agents and ${SERVER_DEATHS} servers die`, async (t) => {
    const world = await startWorld({ seed, freeze: false, snapshotEveryEntries: 1000 });
    const { clock, random } = world;
    const startedMs = performance.now();
    const things = createMemoryThings({ system: "consul", clock, random });
    const down = new Set<string>();
    /** By allocation: how often it was told to stop, and to start. */
    const stops = new Map<string, number>();
    const starts = new Map<string, number>();
    let mostDown = 0;
    const stages: Stage[] = Array.from({ length: nodes }, (_, index) => {
      const stage = createStage(seed * 100 + index, { clock, link: world.link });
      stage.machine.heard = (what, { allocationId }) => {
        const counts = what === "stop" ? stops : starts;
        counts.set(allocationId, (counts.get(allocationId) ?? 0) + 1);
        if (what === "start") down.delete(allocationId);
        else down.add(allocationId);
        mostDown = Math.max(mostDown, down.size);
      };
      return stage;
    });
    const begin = (stage: Stage): Promise<Agent> =>
      stage.agent({
        settings: { name: `n${stages.indexOf(stage)}` },
        thingSources: [things],
        renderer: () => smallRenderer(),
      });
    /** Runs virtual time until something is so. */
    const until = async (what: string, limitMs: number, is: () => boolean, stepMs = 100): Promise<void> => {
      for (let pastMs = 0; !is(); pastMs += stepMs) {
        if (pastMs > limitMs) assert.fail(`waited ${limitMs} ms for ${what}: ${restarted()} restarted, ${down.size} down`);
        await clock.advance(stepMs);
      }
    };
    const restarted = (): number => [...starts.values()].filter((count) => count > 1).length;
    const holders = (): readonly string[] => [...world.cluster.state.snapshot().restartTurns()].map((turn) => turn.AllocationID);
    const agents: Agent[] = [];
    try {
      things.set(keyThing("a"), "one");
      for (const stage of stages) agents.push(await begin(stage));
      const ready = () => [...world.cluster.state.snapshot().nodes()].filter(({ Status }) => Status === "ready").length;
      await until("ready nodes", 30_000, () => ready() === nodes);
      await world.server.registerJob({ Job: job(allocations, max) });
      const deployment = () => [...world.cluster.state.snapshot().deployments()][0]?.Status;
      await until("the deployment", 120_000, () => deployment() === "successful", 500);
      assert.equal(starts.size, allocations);

      const beganMs = clock.nowMs();
      let died = 0;
      things.set(keyThing("a"), "two");
      const moments = Array.from({ length: AGENT_DEATHS + SERVER_DEATHS }, (_, index) => ({
        at: Math.ceil(((index + 1) * allocations) / (AGENT_DEATHS + SERVER_DEATHS + 2)),
        server: index % 4 === 3,
      }));
      for (const { at, server } of moments) {
        await until(`${at} restarted`, 3_600_000, () => restarted() >= at);
        if (server) await world.restartServer();
        else {
          // Whose allocations are on their way down or up just now.
          const victim = stages.findIndex(({ machine }) => holders().some((id) => runs(machine, id)));
          assert.ok(victim >= 0, "somebody holds a turn");
          const held = holders().filter((id) => runs((stages[victim] as Stage).machine, id));
          (agents[victim] as Agent).kill();
          await clock.advance(random.integer(4_000));
          died += holders().filter((id) => held.includes(id)).length;
          agents[victim] = await begin(stages[victim] as Stage);
        }
      }
      await until("all restarted", 3_600_000, () => restarted() === allocations && down.size === 0);
      const tookSeconds = (clock.nowMs() - beganMs) / 1000;
      await until("all turns given back", 60_000, () => holders().length === 0);
      // Two seconds for each, and what deaths cost. A turn that died with its agent would be taken away after ten minutes.
      assert.ok(tookSeconds < (allocations / max) * 2.5 + (AGENT_DEATHS + SERVER_DEATHS) * 10, `it took ${tookSeconds} s`);
      assert.ok(died >= AGENT_DEATHS, `only ${died} turns were held by agents that died`);

      assert.ok(mostDown <= max, `${mostDown} were down at once`);
      assert.equal(mostDown, max, "as many as may");
      for (const [id, count] of starts) assert.deepEqual([count, stops.get(id)], [2, 1], id);
      assert.equal(starts.size, allocations, "nobody was replaced");
      const told = world.cluster.state.snapshot();
      for (const id of starts.keys()) assert.equal(told.allocation(id as AllocationId)?.ClientStatus, "running");
      t.diagnostic(
        `${tookSeconds} s of theirs, ${Math.round(performance.now() - startedMs)} ms of ours; at most ${mostDown} down; ${died} turns held by agents when they died`,
      );
    } finally {
      for (const agent of agents) agent.kill();
      await world.close();
    }
  });
}

function runs(machine: Stage["machine"], allocation: string): boolean {
  return machine.processes.values().some(({ start }) => start.allocationId === allocation);
}

/** Its processes take a second to end. */
function job(count: number, max: number): Record<string, unknown> {
  const template = aTemplate({ EmbeddedTmpl: "<key a>" });
  return {
    ID: "web",
    Name: "web",
    Type: "service",
    Datacenters: ["*"],
    Spreads: [{ Attribute: "${node.unique.name}", Weight: 100 }],
    TaskGroups: [
      {
        Name: "g",
        Count: count,
        Update: { MaxParallel: max, MinHealthyTime: SECOND_NS, HealthCheck: "task_states", HealthyDeadline: 300 * SECOND_NS },
        RestartPolicy: QUICK,
        EphemeralDisk: { SizeMB: 10 },
        Tasks: [
          {
            Name: "main",
            Driver: "mock",
            Config: { stubborn: true },
            KillTimeout: SECOND_NS,
            LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
            Resources: { CPU: 10, MemoryMB: 10 },
            Templates: [template],
          },
        ],
      },
    ],
  };
}
