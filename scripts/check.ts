/**
 * `npm run check`: types, lint, format, dependency rules, dead code. Runs them side by side, prints only what failed.
 */
import { spawn } from "node:child_process";

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Must be true of the output for the check to count: a tool that looked at nothing proves nothing. */
  readonly proof?: (output: string) => string | undefined;
}

const CHECKS: readonly Check[] = [
  { name: "types", command: ["tsc", "-p", "."] },
  { name: "lint", command: ["oxlint", "--deny-warnings"] },
  { name: "format", command: ["oxfmt", "--check", "."] },
  {
    name: "dependency rules",
    command: ["depcruise", "--config", ".dependency-cruiser.json", "src", "integrations"],
    proof: (output) => {
      const cruised = /(\d+) modules/.exec(output)?.[1];
      return Number(cruised ?? 0) > 100 ? undefined : `it cruised ${cruised ?? "no"} modules, expected more than 100`;
    },
  },
  { name: "dead code", command: ["knip"] },
];

const results = await Promise.all(CHECKS.map(run));
const failed = results.filter((each) => each.failure !== undefined);
for (const each of failed) {
  console.error(`── ${each.name}: failed (${each.failure}); to see it alone: npx ${each.command}\n${each.output.trim()}\n`);
}
if (failed.length > 0) process.exit(1);
console.log(`check: ${results.map((each) => each.name).join(", ")}: all good`);

function run(check: Check): Promise<{ name: string; command: string; output: string; failure: string | undefined }> {
  const [program, ...args] = check.command;
  const command = check.command.join(" ");
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data: Buffer) => (output += data.toString()));
    child.stderr.on("data", (data: Buffer) => (output += data.toString()));
    child.on("error", (error) => resolve({ name: check.name, command, output: error.message, failure: "could not start" }));
    child.on("close", (code) => {
      const failure = code === 0 ? check.proof?.(output) : `exit ${code}`;
      resolve({ name: check.name, command, output, failure });
    });
  });
}
