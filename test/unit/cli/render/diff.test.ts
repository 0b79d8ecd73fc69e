import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobDiff } from "#model";
import { palette } from "../../../../src/cli/render/colour.ts";
import { renderJobDiff } from "../../../../src/cli/render/diff.ts";

const plain = { colours: palette(false), verbose: false };
const count = { Type: "Edited", Name: "Count", Old: "1", New: "2", Annotations: ["forces create"] } as const;

test("renderJobDiff() of a new job names group and task without their fields", () => {
  const diff: JobDiff = {
    Type: "Added",
    ID: "hello",
    Fields: [{ Type: "Added", Name: "Priority", Old: "", New: "50", Annotations: [] }],
    Objects: [],
    TaskGroups: [
      {
        Type: "Added",
        Name: "g",
        Fields: [{ ...count, Type: "Added" }],
        Objects: [],
        Updates: { create: 1 },
        Tasks: [{ Type: "Added", Name: "t", Fields: [], Objects: [], Annotations: ["forces create"] }],
      },
    ],
  };
  assert.equal(renderJobDiff(diff, plain), '+ Job: "hello"\n+ Task Group: "g" (1 create)\n  + Task: "t" (forces create)\n');
});

test("renderJobDiff() of an edited job shows what changed, aligned and annotated", () => {
  const diff: JobDiff = {
    Type: "Edited",
    ID: "hello",
    Fields: [],
    Objects: [],
    TaskGroups: [
      {
        Type: "Edited",
        Name: "g",
        Updates: { create: 1, "in-place update": 1 },
        Fields: [count, { Type: "Added", Name: "Meta[a]", Old: "", New: "b", Annotations: [] }],
        Objects: [
          {
            Type: "Deleted",
            Name: "Constraint",
            Fields: [{ Type: "Deleted", Name: "LTarget", Old: "${attr.x}", New: "", Annotations: [] }],
            Objects: [],
          },
        ],
        Tasks: [{ Type: "None", Name: "t", Fields: [], Objects: [], Annotations: ["forces in-place update"] }],
      },
    ],
  };
  assert.equal(
    renderJobDiff(diff, plain),
    `+/- Job: "hello"
+/- Task Group: "g" (1 create, 1 in-place update)
  +/- Count:      "1" => "2" (forces create)
  +   Meta[a]:    "b"
  -   Constraint {
    - LTarget: "\${attr.x}"
      }
  Task: "t" (forces in-place update)
`,
  );
});
