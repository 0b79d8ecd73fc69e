/** The only fork: `drover agent` runs a server or a node, anything else is a word to one. Each side loads only what it needs. */
import { enableCompileCache, flushCompileCache } from "node:module";
import { join } from "node:path";

// What was compiled once is read the next time: half of what a start costs. Kept with the packages, which only their owner writes; where it
// cannot be kept, nothing is different. An agent that is killed leaves it too: it is written a while after the start.
enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "drover"));
setTimeout(flushCompileCache, 10_000).unref();

const [verb, ...rest] = process.argv.slice(2);

if (verb === "agent") {
  const { runAgent } = await import("#agent");
  // Whoever waits for a task that runs on would hold the process: the agent ends when it is closed.
  process.exit(await runAgent(rest));
} else {
  const { runCommand } = await import("#cli");
  // What is done on the files of a stopped server needs what only servers load: the command line is given the way there.
  process.exitCode = await runCommand(process.argv.slice(2), process.env, async () => (await import("#agent")).stoppedServer);
}
