/** Records the reference's answers in test/unit/std/cron/oracle.json: `node test/tools/cron-oracle/record.ts`. Needs Go. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { askOracle } from "./ask.ts";
import { questions } from "./questions.ts";

/** What it refuses, and forms that chance seldom meets. */
const CHOSEN = [
  "60 * * * *",
  "* 24 * * *",
  "* * 0 * *",
  "* * 32 * *",
  "* * * 13 *",
  "* * * foo *",
  "* * * * 8",
  "* * * * 5#6",
  "* * * * L",
  "* * W * *",
  "* * L-3 * *",
  "* * * *",
  "",
  "*/0 * * * *",
  "*/60 * * * *",
  "*/100 * * * *",
  "1-2-3 * * * *",
  "1/2/3 * * * *",
  "/5 * * * *",
  ", * * * *",
  "@every 5m",
  "@midnight",
  "* * * * * 1969",
  "* * * * * 2100",
  "1,,2 * * * *",
  "05 04 03 02 mon",
  "0 0 30 2 *",
  "0 0 29 2 *",
  "0 0 31W 4 *",
  "0 0 1W,LW,L * *",
  "0 0 LW 2 5L",
  "0 0 * * 5-7",
  "0 0 * * fri-sun",
  "0 0 * * 7#2",
  "0 0 * * 0L,SATURDAYL",
  "0 0 1,* * 2",
  "0 0 */2 * 1",
  "30 0 0 1 1 * 2099",
  "0 0 1 1 * 2099",
  "0 0 1 1 * 2000",
];

const asked = [
  ...CHOSEN.map((expression) => ({ expression, zone: "UTC", from: 1_767_225_600, count: 5 })),
  ...questions(20_260, 300).map((question) => ({ ...question, count: 6 })),
];
const answers = askOracle(asked);
const fixture = join(import.meta.dirname, "../../unit/std/cron/oracle.json");
writeFileSync(
  fixture,
  `[\n${asked.map((question, index) => `  ${JSON.stringify({ question, answer: answers[index] })}`).join(",\n")}\n]\n`,
);
console.log(`${answers.length} answers in ${fixture}`);
