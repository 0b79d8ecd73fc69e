/**
 * `npm run bench [NAME…] [--json]`: measures, and prints a table with the reference beside each figure (with --json an object a
 * line: bench, value, unit, reference, goal). Speeds are shown, never asserted: a figure depends on the machine. Exit code 1 when a
 * benchmark could not be run, with the others' figures all the same.
 */
import { cpus, loadavg } from "node:os";
import { messageOf } from "#std";
import { keepsTo, type Benchmark, type Figure } from "./figure.ts";

const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  "submit-running": async () => (await import("./submit-running.ts")).submitRunning,
  placements: async () => (await import("./placements-http.ts")).placements,
  scheduling: async () => (await import("./scheduling.ts")).scheduling,
  "jobs-list": async () => (await import("./jobs-list.ts")).jobsList,
  "dispatch-flood": async () => (await import("./dispatch-flood.ts")).dispatchFlood,
  reads: async () => (await import("./reads.ts")).reads,
  "cli-version": async () => (await import("./cli-version.ts")).cliVersion,
  idle: async () => (await import("./idle.ts")).idle,
  log: async () => (await import("./log.ts")).logAndState,
  consul: async () => (await import("./consul.ts")).consul,
  templates: async () => (await import("./templates.ts")).templates,
  "templates-render": async () => (await import("./templates-render.ts")).templatesRender,
  "templates-vault": async () => (await import("./templates-vault.ts")).templatesVault,
  secrets: async () => (await import("./secrets.ts")).secrets,
  link: async () => (await import("./link.ts")).link,
  nodes: async () => (await import("./nodes.ts")).nodes,
  network: async () => (await import("./network.ts")).network,
  docker: async () => (await import("./docker.ts")).docker,
  mesh: async () => (await import("./mesh.ts")).mesh,
};

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  // `npm run bench --json` keeps the flag to itself and tells it this way.
  const json = words.includes("--json") || process.env["npm_config_json"] === "true";
  const names = words.filter((word) => !word.startsWith("-"));
  const wrong = [
    ...names.filter((name) => !Object.hasOwn(BENCHMARKS, name)),
    ...words.filter((word) => word.startsWith("-") && word !== "--json"),
  ];
  if (wrong.length > 0) {
    process.stderr.write(
      `bench: no benchmark ${wrong.map((word) => JSON.stringify(word)).join(", ")}; there are ${Object.keys(BENCHMARKS).join(", ")}, and --json\n`,
    );
    return 1;
  }
  const loads = [loadavg()[0] as number];
  const figures: Figure[] = [];
  const failed: string[] = [];
  for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
    try {
      const benchmark = await (BENCHMARKS[name] as () => Promise<Benchmark>)();
      if (!json) process.stderr.write(`${benchmark.name}: ${benchmark.about} ...\n`);
      for (const figure of await benchmark.run()) {
        figures.push(figure);
        if (json) process.stdout.write(`${JSON.stringify(figure)}\n`);
      }
    } catch (error) {
      failed.push(name);
      process.stderr.write(`bench: ${name} could not be run: ${messageOf(error)}\n`);
    }
    loads.push(loadavg()[0] as number);
  }
  if (!json) process.stdout.write(`${heading(loads)}\n\n${table(figures)}\n`);
  return failed.length > 0 ? 1 : 0;
}

function heading(loads: readonly number[]): string {
  const load = `load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`;
  return `${cpus().length} × ${cpus()[0]?.model ?? "?"}, Node ${process.versions.node}, ${load}; reference: Nomad 2.0.6 on such a machine`;
}

function table(figures: readonly Figure[]): string {
  const rows = [
    ["bench", "value", "unit", "reference", "goal", ""],
    ...figures.map((each) => {
      const kept = keepsTo(each);
      const verdict = kept === undefined ? "" : kept ? "kept" : "MISSED";
      return [
        each.bench,
        show(each.value),
        each.unit,
        each.reference === null ? "-" : show(each.reference),
        each.goal === "" ? "-" : each.goal,
        verdict,
      ];
    }),
  ];
  const widths = (rows[0] as string[]).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] as number, column))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Values and references are numbers: to the right. */
function pad(cell: string, width: number, column: number): string {
  return column === 1 || column === 3 ? cell.padStart(width) : cell.padEnd(width);
}

function show(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : String(Math.round(value * 100) / 100);
}
