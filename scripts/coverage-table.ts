/** `npm run coverage-table`: writes docs/coverage.md. test/coverage.test.ts sees to it that it is not stale. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { coverageText } from "./coverage/markdown.ts";
import { commandRows, endpointRows } from "./coverage/rows.ts";

const path = join(import.meta.dirname, "..", "docs", "coverage.md");
writeFileSync(path, coverageText(endpointRows(), await commandRows()));
console.log("coverage-table: docs/coverage.md is written");
