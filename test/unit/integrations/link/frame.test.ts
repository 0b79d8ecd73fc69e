import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { testScale } from "../../../scale.ts";
import { decodeFrame, encodeFrame, type Frame } from "../../../../integrations/link/frame.ts";

/** The compiler that comes with gRPC: what it makes of link.proto is what link.proto means. */
interface Compiled {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): Record<string, unknown>;
}
const throughGrpc = createRequire(createRequire(import.meta.url).resolve("@grpc/grpc-js"));
const protobuf = createRequire(throughGrpc.resolve("@grpc/proto-loader"))("protobufjs") as {
  loadSync(path: string): { lookupType(name: string): Compiled };
};
const compiled = protobuf
  .loadSync(join(import.meta.dirname, "..", "..", "..", "..", "integrations", "link", "link.proto"))
  .lookupType("drover.link.v1.Frame");

const frames: fc.Arbitrary<Frame> = fc.record({
  kind: fc.integer({ min: 0, max: 12 }),
  call: fc.integer({ min: 0, max: 0xffff_ffff }),
  method: fc.string({ unit: "grapheme", maxLength: 40 }),
  body: fc.uint8Array({ maxLength: 400 }),
  more: fc.boolean(),
  credit: fc.integer({ min: 0, max: 0xffff_ffff }),
});

test("a frame is what link.proto says it is, both ways", () => {
  fc.assert(
    fc.property(frames, (frame) => {
      const theirs = compiled.toObject(compiled.decode(encodeFrame(frame)), { defaults: true, longs: Number });
      assert.deepEqual({ ...theirs, body: [...(theirs["body"] as Uint8Array)] }, { ...frame, body: [...frame.body] });
      const ours = decodeFrame(compiled.encode(frame).finish());
      assert.deepEqual({ ...ours, body: [...ours.body] }, { ...frame, body: [...frame.body] });
    }),
    { numRuns: 300 * testScale() },
  );
});

test("bytes that are no frame are refused by name, never more than that", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeFrame(bytes);
      } catch (thrown) {
        assert.equal((thrown as { code?: string }).code, "LINK_FRAME_UNREADABLE");
      }
    }),
    { numRuns: 500 * testScale() },
  );
  assert.throws(() => decodeFrame(Uint8Array.of(0x22, 0x7f, 1)), /Cannot read a frame/);
});
