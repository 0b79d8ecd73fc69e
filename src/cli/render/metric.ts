/** Why a group could not be placed, line by line. nomad.md §4.4 (placement metrics text), design decision 11. */
import type { AllocMetric } from "#model";
import { table } from "./columns.ts";

/** Lines without a line end; `indent` goes before each. */
export function renderMetric(metric: AllocMetric, options: { readonly scores: boolean; readonly indent: string }): string {
  const lines: string[] = [];
  const nodes = (count: number) => `${count} node${count === 1 ? "" : "s"}`;
  if (metric.NodesEvaluated === 0) lines.push("* No nodes were eligible for evaluation");
  for (const [datacenter, count] of Object.entries(metric.NodesAvailable ?? {})) {
    if (count === 0) lines.push(`* No nodes are available in datacenter ${JSON.stringify(datacenter)}`);
  }
  for (const [name, count] of sorted(metric.ClassFiltered))
    lines.push(`* Class ${JSON.stringify(name)}: ${nodes(count)} excluded by filter`);
  for (const [text, count] of sorted(metric.ConstraintFiltered))
    lines.push(`* Constraint ${JSON.stringify(text)}: ${nodes(count)} excluded by filter`);
  if (metric.NodesExhausted > 0) lines.push(`* Resources exhausted on ${nodes(metric.NodesExhausted)}`);
  for (const [name, count] of sorted(metric.ClassExhausted)) lines.push(`* Class ${JSON.stringify(name)} exhausted on ${nodes(count)}`);
  for (const [name, count] of sorted(metric.DimensionExhausted))
    lines.push(`* Dimension ${JSON.stringify(name)} exhausted on ${nodes(count)}`);
  for (const quota of metric.QuotaExhausted ?? []) lines.push(`* Quota limit hit ${JSON.stringify(quota)}`);
  const nearest = metric.NearestFit;
  if (nearest !== undefined && nearest !== null) {
    const unit = nearest.Dimension === "cpu" ? " MHz" : nearest.Dimension === "memory" || nearest.Dimension === "disk" ? " MB" : "";
    lines.push(
      unit === ""
        ? `* Nearest fit: node ${JSON.stringify(nearest.NodeName)} lacks ${nearest.Dimension}`
        : `* Nearest fit: node ${JSON.stringify(nearest.NodeName)} is short of ${nearest.Wanted - nearest.Free}${unit} ${nearest.Dimension} (wanted ${nearest.Wanted}${unit}, free ${Math.max(0, nearest.Free)}${unit})`,
    );
  }
  if (options.scores && (metric.ScoreMetaData ?? []).length > 0) {
    const names = [...new Set(metric.ScoreMetaData.flatMap((each) => Object.keys(each.Scores)))];
    lines.push(
      table([
        ["Node", ...names, "final score"],
        ...metric.ScoreMetaData.map((each) => [
          each.NodeID.slice(0, 8),
          ...names.map((name) => score(each.Scores[name] ?? 0)),
          score(each.NormScore),
        ]),
      ]),
    );
  }
  return lines.map((line) => line.replaceAll(/^/gm, options.indent)).join("\n");
}

function sorted(counts: Readonly<Record<string, number>> | null): [string, number][] {
  return Object.entries(counts ?? {}).toSorted(([left], [right]) => (left < right ? -1 : 1));
}

function score(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}
