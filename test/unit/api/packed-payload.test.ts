import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { Event } from "#model";
import { packedEvents, packedPayload } from "../../../src/api/server/packed-payload.ts";
import { aJob, anAllocation, aNode, createWorld, type World } from "./fake-world.ts";

/** Snappy's block format as its description has it, copies too; throws where the text is none. */
function unpacked(text: string): Buffer {
  const from = Buffer.from(text, "base64");
  let at = 0;
  const next = (): number => {
    assert.ok(at < from.length, "cut short");
    return from[at++] as number;
  };
  const little = (size: number): number => Array.from({ length: size }, next).reduce((sum, byte, place) => sum + byte * 256 ** place, 0);
  let length = 0;
  for (let factor = 1, more = true; more; factor *= 128) {
    const byte = next();
    length += (byte & 0x7f) * factor;
    more = byte >= 0x80;
  }
  const out: number[] = [];
  const copy = (back: number, count: number): void => {
    for (let each = 0; each < count; each++) out.push(out[out.length - back] as number);
  };
  while (at < from.length) {
    const tag = next();
    const high = tag >> 2;
    if ((tag & 3) === 0) {
      const count = (high < 60 ? high : little(high - 59)) + 1;
      for (let each = 0; each < count; each++) out.push(next());
    } else if ((tag & 3) === 1) copy((tag >> 5) * 256 + next(), (high & 7) + 4);
    else copy(little((tag & 3) === 2 ? 2 : 4), high + 1);
  }
  assert.equal(out.length, length, "not as long as it says");
  return Buffer.from(out);
}

const PLAIN = Buffer.from("hello, payload").toString("base64");
let world: World;
before(() => void (world = createWorld()));
after(() => world.api.close());

test("the decoder of this test reads what Nomad wrote", () => {
  assert.equal(unpacked("AwhhYWE=").toString(), "aaa");
  assert.equal(unpacked("RgBh/gEABQE=").toString(), "a".repeat(70));
});

test("a payload of any length is packed so that a decoder finds it again", () => {
  const sizes = [0, 1, 59, 60, 61, 127, 128, 255, 256, 257, 16_384, 65_535, 65_536, 65_537];
  for (const size of sizes) assert.equal(unpacked(packedPayload(Buffer.alloc(size, 7).toString("base64"))).length, size);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      assert.deepEqual(unpacked(packedPayload(Buffer.from(bytes).toString("base64"))), Buffer.from(bytes));
    }),
  );
  assert.equal(packedPayload(Buffer.from("aaa").toString("base64")), "AwhhYWE=", "as Nomad");
});

test("a job and an allocation are read with their payload plain, versions and a node's allocations with it packed", async () => {
  const child = aJob("par/dispatch-1", { Payload: PLAIN });
  world.state.jobs = [child, aJob("web")];
  world.state.nodes = [aNode("n1")];
  world.state.allocations = [anAllocation("a1", child, { NodeID: aNode("n1").ID })];
  const ask = async (url: string) => {
    const response = await world.api.inject({ method: "GET", url });
    assert.equal(response.statusCode, 200, response.body);
    return JSON.parse(response.body);
  };
  const one = (await ask("/v1/allocations"))[0].ID;
  assert.equal((await ask("/v1/job/par%2Fdispatch-1")).Payload, PLAIN);
  assert.equal((await ask(`/v1/allocation/${one}`)).Job.Payload, PLAIN);
  const packed = [
    (await ask("/v1/job/par%2Fdispatch-1/versions")).Versions[0].Payload,
    (await ask(`/v1/node/${aNode("n1").ID}/allocations`))[0].Job.Payload,
  ];
  for (const each of packed) assert.equal(unpacked(each).toString(), "hello, payload");
  assert.equal((await ask("/v1/job/web/versions")).Versions[0].Payload, null);
});

test("events carry a job's payload packed; those without one are left as they are", () => {
  const event = (Payload: Record<string, unknown>): Event => ({
    Topic: "Job",
    Type: "JobRegistered",
    Key: "",
    Namespace: "",
    FilterKeys: [],
    Index: 1,
    Payload,
  });
  const without = [event({ Job: aJob("web") }), event({ Node: {} }), event({})];
  assert.equal(packedEvents(without), without);
  const [first, second] = packedEvents([event({ Job: aJob("x", { Payload: PLAIN }) }), ...without]);
  const packed = first?.Payload["Job"] as { readonly Payload: string } | undefined;
  assert.equal(unpacked(packed?.Payload ?? "").toString(), "hello, payload");
  assert.equal(second, without[0]);
});
