/**
 * The wiring: files and flags → Config → one program that is a server, a node, or both.
 *
 * What comes in: the words after `agent`. What goes out: an exit code, when it is told to stop.
 *
 * Invariants: only this folder (and main) knows who makes what the rooms look at; wire.ts reads like a parts list. Bad configuration is refused
 * with file:line:col before anything is opened. SIGTERM and SIGINT leave tasks running (only -dev stops them and removes its data);
 * SIGHUP reads the configuration again and takes over what can change while running (the log level). Whatever was opened is closed again
 * when a later part fails to start.
 *
 * Never here: a decision about jobs, allocations or tasks.
 *
 * Read next: config/mod.ts, wire.ts, run.ts; stopped-server.ts for what is done while it does not run.
 */
export { runAgent } from "./run.ts";
export { stoppedServer } from "./stopped.ts";
