/**
 * Is a node there to be placed on at all: registered, ready, eligible; and does the job want such nodes: pool, datacenter.
 * nomad.md §6.2 item 1. The first half is asked again by the plan check (F6).
 */
import type { Job, Node } from "#model";

/** Why nothing may be placed on the node now; undefined when it may. */
export function unavailability(node: Node | undefined): string | undefined {
  if (node === undefined) return "node does not exist";
  if (node.Status !== "ready") return `node is ${node.Status}`;
  if (node.SchedulingEligibility !== "eligible") return "node is not eligible";
  if (node.DrainStrategy !== null) return "node is draining";
  return undefined;
}

/** The job's pool: `all` is every pool. */
export function inPool(job: Job, node: Node): boolean {
  const pool = poolOf(job);
  return pool === "all" || (node.NodePool === "" ? "default" : node.NodePool) === pool;
}

export function poolOf(job: Job): string {
  return job.NodePool === "" ? "default" : job.NodePool;
}

/** The job's datacenters as one test; `*` stands for any text. */
export function datacenterTest(job: Job): (datacenter: string) => boolean {
  const exact = new Set(job.Datacenters.filter((pattern) => !pattern.includes("*")));
  const globs = job.Datacenters.filter((pattern) => pattern.includes("*")).map(globTest);
  return (datacenter) => exact.has(datacenter) || globs.some((test) => test(datacenter));
}

function globTest(pattern: string): (text: string) => boolean {
  const parts = pattern.split("*");
  const first = parts[0] as string;
  const last = parts.at(-1) as string;
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let from = first.length;
    for (const part of parts.slice(1, -1)) {
      const at = text.indexOf(part, from);
      if (at < 0 || at + part.length > text.length - last.length) return false;
      from = at + part.length;
    }
    return true;
  };
}
