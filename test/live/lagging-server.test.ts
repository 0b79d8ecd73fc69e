/**
 * A machine is off while the others write on, until what it lacks is no longer in the shared log: it comes back with a snapshot, is killed while it
 * takes that, comes back again, holds what the others hold, and leads. So that this does not take a day the servers' program is a copy that waits 200
 * entries for who lags instead of 65,536, and cuts every half second; nothing else in it is changed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { eventually } from "../eventually.ts";
import type { ClusterMachine } from "./parts/cluster-world.ts";
import { startThree } from "./parts/failover-cluster.ts";
import { otherProgram, type Change } from "./parts/other-program.ts";
import { appliedIndex, sameEverywhere } from "./parts/whole-state.ts";
import { put, startWriteLoad } from "./parts/write-load.ts";

const ROUNDS = testScale() >= 10 ? 10 : 1;
const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 + ROUNDS * 60_000 };
const BACK_MS = 60_000;

const OPTIONS = "src/cluster/shared/options.ts";
const SHORT: readonly Change[] = [
  { file: OPTIONS, from: "cutEveryMs: 5_000", to: "cutEveryMs: 500" },
  { file: OPTIONS, from: "cutMarginEntries: 1_024", to: "cutMarginEntries: 64" },
  { file: OPTIONS, from: "cutPatienceEntries: 65_536", to: "cutPatienceEntries: 200" },
];
const FETCHED = /fetched a snapshot of index (\d+)/;

test(
  "a server that was off for longer than the shared log remembers takes a snapshot, holds what the others hold, and leads",
  LIVE,
  async (t) => {
    const { servers, process: of, start, leader } = await startThree(t, { program: (folder) => otherProgram(folder, SHORT) });
    const load = startWriteLoad(t, servers, 1);
    const leads = await leader();
    const lagging = servers.find((each) => each !== leads) as ClusterMachine;
    const others = servers.filter((each) => each !== lagging);
    for (let round = 0; round < ROUNDS; round++) {
      await eventually("it to have something", async () => (await appliedIndex(lagging)) > 50);
      const had = await appliedIndex(lagging);
      await lagging.kill9();
      await eventually("the others to be far ahead", async () => (await appliedIndex(others[0] as ClusterMachine)) > had + 350, BACK_MS);
      // Power fails again while it catches up: in the first round when it has hardly begun, then later each time.
      start(lagging);
      await lagging.answers(BACK_MS);
      await new Promise((resolve) => setTimeout(resolve, round * 300));
      await lagging.kill9();
      const before = await appliedIndex(others[0] as ClusterMachine);
      await eventually(
        "the others to be further still",
        async () => (await appliedIndex(others[0] as ClusterMachine)) > before + 300,
        BACK_MS,
      );
      start(lagging);
      const fetched = await eventually(
        "it to fetch a snapshot",
        () => {
          const index = FETCHED.exec(of(lagging).output())?.[1];
          return index !== undefined && Number(index);
        },
        BACK_MS,
      );
      assert.ok(fetched > had, `from ${had} to ${fetched}`);
      await eventually("it to write", () => put(lagging, `back/${round}`).catch(() => undefined), BACK_MS);
      t.diagnostic(`off at index ${had}, snapshot of ${fetched}, ${before} by then`);
    }
    await load.stop();
    await load.verify(servers);
    await sameEverywhere(servers);

    // What it took it keeps: its own disk is enough the next time.
    assert.equal(await of(lagging).end("SIGTERM"), 0);
    start(lagging);
    await eventually("it to write again", () => put(lagging, "back/again").catch(() => undefined), BACK_MS);
    assert.doesNotMatch(of(lagging).output(), FETCHED);

    const { Servers } = await lagging.get<{ Servers: readonly { ID: string; Address: string }[] }>("/v1/operator/raft/configuration");
    const id = Servers.find(({ Address }) => Address === `${lagging.address}:4647`)?.ID;
    await eventually(
      "it to lead",
      async () => {
        const leads = await leader();
        if (leads === lagging) return true;
        await leads.request(`/v1/operator/raft/transfer-leadership?id=${id}`, { method: "PUT" });
        return undefined;
      },
      BACK_MS,
    );
    await put(lagging, "back/leads");
    await sameEverywhere(servers);
  },
);
