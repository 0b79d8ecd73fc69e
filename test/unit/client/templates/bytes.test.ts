/** What a template makes may be bytes that are no text (`base64Decode`, a binary key): they lie in the file, and count, as they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "#std";
import { digestOf } from "../../../../src/client/templates/told.ts";
import { allocationId, anAllocation, SECOND } from "../stage.ts";
import { aTemplate, createWorld, QUICK } from "./parts.ts";

const A = allocationId("a");
const ONE = textOf(Uint8Array.of(0x61, 0xff, 0xc3));
const OTHER = textOf(Uint8Array.of(0x61, 0xfe, 0xc3));

test("bytes that are no text are written as they are; others are a change, an agent that comes back finds none", async () => {
  const world = createWorld();
  world.key("a", ONE);
  const agent = await world.begin();
  const Templates = [aTemplate(), aTemplate({ DestPath: "local/once", Once: true })];
  world.server.put(anAllocation("a", { tasks: [{ RestartPolicy: QUICK, Templates }] }));
  await world.clock.advance(SECOND);
  const file = (name: string) => world.machine.written.get(`/alloc/${A}/main/local/${name}`);
  assert.deepEqual([file("out"), file("once")], [ONE, ONE]);
  agent.kill();
  await world.begin();
  await world.clock.advance(10 * SECOND);
  assert.equal(world.machine.everStarted.length, 1, "nothing has changed");
  world.key("a", OTHER);
  await world.clock.advance(10 * SECOND);
  assert.deepEqual([world.machine.everStarted.length, file("out"), file("once")], [2, OTHER, ONE]);
});

test("a digest is of the bytes", () => {
  assert.notEqual(digestOf(ONE), digestOf(OTHER));
  assert.equal(digestOf(ONE), digestOf(Uint8Array.of(0x61, 0xff, 0xc3)));
  assert.equal(digestOf("ü"), digestOf(Buffer.from("ü")));
});
