/**
 * What may happen to a herd, one line each, with how often; some stories have more of one thing. Every move takes its choices from the
 * world's random source, so that a seed is a story. A move that the server refuses with a 4xx is part of the story; anything else it
 * throws ends it.
 */
import { messageOf, NamedError } from "#std";
import { breakConnection, troubleLink, troubleLog } from "./moves/faults.ts";
import { dispatch, endTask, flood, force, meddle, promote, revert, scale, stopAllocation, stopJob, submit, tag } from "./moves/jobs.ts";
import { configure, deleteEvaluations, pauseBroker, touchNamespaces, touchPools } from "./moves/cluster.ts";
import { drain, eligibility, loseNode, returnNode } from "./moves/nodes.ts";
import type { Mood, Stage } from "./stage.ts";

interface Move {
  readonly name: string;
  readonly weight: number;
  /** Five times as often in stories of this mood. */
  readonly mood?: Mood;
  readonly play: (stage: Stage) => unknown;
}

const MOVES: readonly Move[] = [
  { name: "a job is submitted or changed", weight: 12, play: submit },
  { name: "a job is stopped or purged", weight: 4, play: stopJob },
  { name: "a job is scaled", weight: 4, mood: "busy people", play: scale },
  { name: "a job is reverted", weight: 2, mood: "busy people", play: revert },
  { name: "a version is tagged or untagged", weight: 1, play: tag },
  { name: "a parameterized job is dispatched", weight: 2, play: dispatch },
  { name: "a parameterized job is dispatched many times", weight: 1, mood: "floods", play: flood },
  { name: "a periodic job is forced", weight: 2, play: force },
  { name: "a deployment is promoted", weight: 6, mood: "busy people", play: promote },
  { name: "a deployment is paused, resumed or failed", weight: 4, mood: "busy people", play: meddle },
  { name: "a node is cut off or loses power", weight: 6, mood: "bad nodes", play: loseNode },
  { name: "a node returns", weight: 6, mood: "bad nodes", play: returnNode },
  { name: "a node drains, or stops draining", weight: 4, mood: "bad nodes", play: drain },
  { name: "a node's eligibility changes", weight: 2, play: eligibility },
  { name: "a task ends", weight: 6, mood: "floods", play: endTask },
  { name: "an allocation is stopped", weight: 4, play: stopAllocation },
  { name: "the scheduler is configured", weight: 2, play: configure },
  { name: "the broker is paused or goes on", weight: 1, play: pauseBroker },
  { name: "evaluations are deleted", weight: 1, play: deleteEvaluations },
  { name: "a namespace is made or deleted", weight: 1, play: touchNamespaces },
  { name: "a node pool is made, changed or deleted", weight: 1, play: touchPools },
  { name: "a connection breaks", weight: 2, mood: "bad link", play: breakConnection },
  { name: "nobody gets through for a while", weight: 1, mood: "bad link", play: troubleLink },
  { name: "the log stalls or fails", weight: 2, mood: "bad log", play: troubleLog },
  { name: "garbage is collected", weight: 2, play: ({ world }) => world.server.collectGarbage() },
  { name: "the server is killed and restarted", weight: 2, mood: "bad log", play: ({ world }) => world.restartServer() },
];

function draw({ world, mood }: Stage): Move {
  const weightOf = (move: Move) => (move.mood === mood ? 5 * move.weight : move.weight);
  let left = world.random.integer(MOVES.reduce((sum, move) => sum + weightOf(move), 0));
  return MOVES.find((move) => (left -= weightOf(move)) < 0) as Move;
}

/** One thing happens; its name, for the story. A story begins with something to run. */
export async function happen(stage: Stage): Promise<string> {
  const drawn = draw(stage);
  const move = stage.shapes.size < stage.setting.jobs / 2 ? (MOVES[0] as Move) : drawn;
  try {
    await move.play(stage);
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    return `${move.name}: refused: ${messageOf(thrown)}`;
  }
  return move.name;
}

/** Said no, or could not be reached, or could not reach its log: all may happen to anybody. */
function isRefusal(thrown: unknown): boolean {
  if (!(thrown instanceof NamedError)) return false;
  return (thrown.statusCode >= 400 && thrown.statusCode < 500) || thrown.code === "LOG_WRITE_FAILED" || thrown.code === "LINK_REFUSED";
}
