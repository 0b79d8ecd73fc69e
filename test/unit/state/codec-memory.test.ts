import assert from "node:assert/strict";
import test from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createCodec } from "../../../src/state/codec.ts";
import { evaluation } from "./nouns.ts";

const ENTRIES = 500;
const EVALUATIONS_EACH = 60;

test("an id kept of an entry does not keep the entry's other texts", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const codec = createCodec();
  const read = (entry: number): string => {
    const Evaluations = Array.from({ length: EVALUATIONS_EACH }, (_, at) =>
      evaluation(`evaluation-${entry}-${at}-${"x".repeat(80)}`, `job-${entry}-${at}`),
    );
    const { command } = codec.decode(
      codec.encode({ version: 1, time: 0, requestId: "r", command: { type: "evaluations-upsert", Evaluations } }),
    );
    assert(command.type === "evaluations-upsert");
    return command.Evaluations[EVALUATIONS_EACH / 2]?.ID as string;
  };
  read(0);
  collect();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: ENTRIES }, (_, entry) => read(entry));
  collect();
  const each = (process.memoryUsage().heapUsed - before) / ENTRIES;
  assert(kept.length === ENTRIES && each < 1_000, `${Math.round(each)} bytes stay for each kept id of 100`);
});
