import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryLink } from "#integrations/memory";
import { linkConformance } from "../../../conformance/link.ts";
import { inside } from "../inside.ts";

linkConformance("memory", async (accept) => ({ link: createMemoryLink(accept), close: async () => undefined }));

test("a lost memory link is noticed at both ends, and a refused one lets nobody in", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    world.link.refuse(true);
    world.link.lose(node.id);
    assert.equal(world.link.connections, 0);
    assert.equal(world.server.statistics()["nodes.connected"], 0);
    await world.clock.advance(5_000);
    assert.equal(world.link.connections, 0);
    world.link.refuse(false);
    await world.clock.advance(5_000);
    assert.equal(world.link.connections, 1);
  }));
