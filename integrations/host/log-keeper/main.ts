/** The log keeper's own program: `node main.ts STATE_DIRECTORY`. Prints "ready" on fd 3 when it can be called. */
import { closeSync, writeSync } from "node:fs";
import { runLogKeeper } from "./keeper.ts";

// Asked to end by a service manager that ends the whole group, it stays: tasks still write. It ends by itself, or by `leave`.
process.on("SIGTERM", () => {});
process.on("SIGINT", () => {});
process.on("SIGHUP", () => {});
await runLogKeeper(process.argv[2] as string);
try {
  writeSync(3, "ready\n");
  closeSync(3);
} catch {
  // The agent that started us is gone already.
}
