/**
 * `npm run bench [NAME…] [-- --json]`: measures, and prints a table with the reference beside each figure (with --json an object a
 * line). Speeds are shown, never asserted: a figure depends on the machine.
 */
import { cpus } from "node:os";
import { keepsTo, type Benchmark, type Figure } from "./figure.ts";

const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  "submit-running": async () => (await import("./submit-running.ts")).submitRunning,
  placements: async () => (await import("./placements-http.ts")).placements,
  "jobs-list": async () => (await import("./jobs-list.ts")).jobsList,
  "cli-version": async () => (await import("./cli-version.ts")).cliVersion,
  idle: async () => (await import("./idle.ts")).idle,
};

const words = process.argv.slice(2);
const json = words.includes("--json");
const names = words.filter((word) => !word.startsWith("-"));
const unknown = names.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  console.error(`bench: no benchmark ${unknown.map((name) => JSON.stringify(name)).join(", ")}; there are ${Object.keys(BENCHMARKS).join(", ")}`);
  process.exit(1);
}

const figures: Figure[] = [];
for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
  const benchmark = await (BENCHMARKS[name] as () => Promise<Benchmark>)();
  if (!json) process.stderr.write(`${benchmark.name}: ${benchmark.about} ...\n`);
  for (const figure of await benchmark.run()) {
    figures.push(figure);
    if (json) console.log(JSON.stringify(figure));
  }
}
if (!json) console.log(table());

function table(): string {
  const rows = [
    ["bench", "value", "unit", "reference", "goal", ""],
    ...figures.map((each) => {
      const kept = keepsTo(each);
      return [each.bench, show(each.value), each.unit, each.reference === null ? "-" : show(each.reference), each.goal === "" ? "-" : each.goal, kept === undefined ? "" : kept ? "kept" : "MISSED"];
    }),
  ];
  const widths = (rows[0] as string[]).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map((row) => row.map((cell, column) => (column === 1 || column === 3 ? cell.padStart(widths[column] as number) : cell.padEnd(widths[column] as number))).join("  ").trimEnd());
  return `${cpus().length} × ${cpus()[0]?.model ?? "?"}, Node ${process.versions.node}; reference: Nomad 2.0.6 on such a machine\n\n${lines.join("\n")}`;
}

function show(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 100) / 100);
}
