/** Whatever is said on the port of nodes and servers, before a hello and after: no crash, nothing changed, nothing left of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../eventually.ts";
import { knockWith, sayGarbage } from "./link-garbage.ts";
import { chance, COUNT, SEED } from "./seeded.ts";
import { startServer } from "./server-under-test.ts";

const FRAMES = 100;
const WORKERS = 4;
const LEAKED_MB = 150;

test(
  `${COUNT} messages that mean nothing leave a server as it was (seed ${SEED})`,
  { timeout: Math.max(240_000, COUNT * 10) },
  async (t) => {
    const server = await startServer(t);
    const address = `127.0.0.1:${server.rpcPort}`;
    let phase = 0;
    const many = async (count: number): Promise<void> => {
      let left = count;
      phase++;
      const worker = async (_: unknown, number: number): Promise<void> => {
        const by = chance(SEED + phase * 1_000 + number);
        while (left > 0) {
          left -= FRAMES;
          await sayGarbage(address, by, FRAMES);
          await knockWith(server.rpcPort, by);
        }
      };
      await Promise.all(Array.from({ length: WORKERS }, worker));
    };
    await many(COUNT / 10);
    await server.healthy();
    let before = "";
    await eventually("the state to rest", async () => before === (before = await server.state()), 30_000);
    await eventually("connections to go", async () => server.files() < 120, 60_000);
    const [rss, files] = [server.rssMB(), server.files()];

    await many(Math.ceil(COUNT * 0.9));
    assert.equal(await server.state(), before, "something was written");
    await server.healthy();
    await eventually("no descriptor to be left", () => server.files() <= files + 3, 60_000);
    const grown = server.rssMB() - rss;
    t.diagnostic(`RSS ${Math.round(rss)} MB, then ${Math.round(grown)} MB more; ${files} files, then ${server.files()}`);
    assert.ok(grown < LEAKED_MB, `${Math.round(grown)} MB more than at first`);
    assert.doesNotMatch(server.agent.output(), /\[ERROR\]|Internal error|\n\s+at /);
    assert.equal(await server.agent.terminate(), 0);
  },
);
