/** The only fork: `drover agent` runs a server or a node, anything else is a word to one. Each side loads only what it needs. */
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
