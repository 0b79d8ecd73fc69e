/** Programs that run beside the agent: from the sources each maker knows its own file, in a packed release they lie beside main.js. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface ReleaseParts {
  /** undefined: running from the sources. */
  readonly sqliteLogWorker: URL | undefined;
  readonly pulseWorker: URL | undefined;
  readonly templateProcess: URL | undefined;
  readonly logKeeper: string | undefined;
}

export function releaseParts(directory: string = import.meta.dirname): ReleaseParts {
  const worker = join(directory, "sqlite-log-worker.js");
  const pulse = join(directory, "pulse-worker.js");
  const templates = join(directory, "template-process.js");
  const keeper = join(directory, "log-keeper.js");
  return {
    sqliteLogWorker: existsSync(worker) ? pathToFileURL(worker) : undefined,
    pulseWorker: existsSync(pulse) ? pathToFileURL(pulse) : undefined,
    templateProcess: existsSync(templates) ? pathToFileURL(templates) : undefined,
    logKeeper: existsSync(keeper) ? keeper : undefined,
  };
}
