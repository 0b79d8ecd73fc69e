/** What happens around one process, in order; the exits run in reverse. Each file says when it acts. */
import type { Pipeline } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";
import { devices } from "./devices.ts";
import { driver } from "./driver.ts";
import { directories } from "./directories.ts";
import { environment } from "./environment.ts";
import { logs } from "./logs.ts";
import { payload } from "./payload.ts";
import { process } from "./process.ts";
import { remains } from "./remains.ts";
import { secrets } from "./secrets.ts";
import { shutdownDelay } from "./shutdown-delay.ts";
import { validate } from "./validate.ts";

export const taskPipeline: Pipeline<ExecutionContext> = {
  name: "task",
  steps: [driver, environment, validate, directories, secrets, logs, payload, devices, remains, process, shutdownDelay],
};
