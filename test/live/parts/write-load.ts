/**
 * Writers that can account for every request: each puts one variable after the other, none twice, through one server each. Afterwards every one that
 * was acknowledged stands at the index that was said, made and changed once, on every server.
 */
import assert from "node:assert/strict";
import { eventually } from "../../eventually.ts";
import type { ClusterMachine } from "./cluster-world.ts";
import type { PartOwner } from "./process.ts";

export interface WriteLoad {
  readonly acknowledged: number;
  readonly unanswered: number;
  /** Ends when what is on its way is answered. */
  stop(): Promise<void>;
  /** Only after stop(). Resolves when each server's own state holds what it must, and the same as the others'; asserts that it does. */
  verify(servers: readonly ClusterMachine[]): Promise<void>;
}

interface Variable {
  readonly Path: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** A slow answer is an answer: only a dead server gives none. */
const ANSWER_MS = 30_000;
const PREFIX = "load/";

/** Ends with the test, also when that fails. */
export function startWriteLoad(owner: PartOwner, servers: readonly ClusterMachine[], writersPerServer: number): WriteLoad {
  const acknowledged = new Map<string, number>();
  let unanswered = 0;
  let over = false;
  owner.after(() => {
    over = true;
    return Promise.resolve();
  });
  const write = async (server: ClusterMachine, name: string): Promise<void> => {
    for (let n = 0; !over; n++) {
      const path = `${PREFIX}${name}/${String(n).padStart(6, "0")}`;
      const index = await put(server, path).catch(() => undefined);
      if (index !== undefined) acknowledged.set(path, index);
      else {
        unanswered++;
        // Its server may be down for a while.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const writers = servers.flatMap((server) =>
    Array.from({ length: writersPerServer }, (_, number) => write(server, `${server.name}-${number}`)),
  );
  return {
    get acknowledged() {
      return acknowledged.size;
    },
    get unanswered() {
      return unanswered;
    },
    async stop() {
      over = true;
      await Promise.all(writers);
    },
    async verify(all) {
      assert.ok(acknowledged.size > 0, "nothing was acknowledged");
      const last = Math.max(...acknowledged.values());
      const stories = await Promise.all(
        all.map((server) =>
          eventually(`${server.name} to hold index ${last}`, async () => {
            const answer = await server.request(`/v1/vars?prefix=${PREFIX}&stale`, { timeoutMs: ANSWER_MS });
            if (answer.status !== 200 || Number(answer.headers["x-nomad-index"]) < last) return undefined;
            const held = answer.json<readonly Variable[]>();
            return held.some(({ ModifyIndex }) => ModifyIndex >= last) ? held : undefined;
          }),
        ),
      );
      const short = (held: readonly Variable[]): string[] =>
        held.map(({ Path, CreateIndex, ModifyIndex }) => `${Path} ${CreateIndex} ${ModifyIndex}`).toSorted();
      for (const [at, held] of stories.entries()) {
        const where = all[at]?.name;
        const indexes = new Map(held.map((each) => [each.Path, each]));
        for (const [path, index] of acknowledged) {
          const found = indexes.get(path);
          assert.ok(found !== undefined, `${path} was acknowledged at ${index} and is not on ${where}`);
          assert.deepEqual([found.CreateIndex, found.ModifyIndex], [index, index], `${path} on ${where}`);
        }
        // Also what nobody answered for is there once, or not at all.
        for (const { Path, CreateIndex, ModifyIndex } of held)
          assert.equal(ModifyIndex, CreateIndex, `${Path} on ${where} was written twice`);
        assert.deepEqual(short(held), short(stories[0] ?? []), `${where} holds what ${all[0]?.name} holds`);
      }
    },
  };
}

/** The index it says the variable is at; rejects when nobody took it. */
export async function put(server: ClusterMachine, path: string, timeoutMs = ANSWER_MS): Promise<number> {
  const answer = await server.request(`/v1/var/${path}`, { method: "PUT", body: { Path: path, Items: { value: path } }, timeoutMs });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json<Variable>().ModifyIndex;
}
