/** The thread that renders, one template after the other. It is started by template-process.ts, and ended with it when a rendering takes too long. */
import { parentPort, resourceLimits, workerData } from "node:worker_threads";
import type { Fact, RenderAnswer } from "../contract.ts";
import { TooLargeError } from "../functions/declare.ts";
import { PreparedTemplates } from "../parsed.ts";
import { Progress } from "../progress.ts";
import { renderTemplate } from "../render.ts";
import { memoryCheck } from "./memory-check.ts";
import { NO_MEMORY, type WorkerReply, type WorkerRequest } from "./protocol.ts";

const port = parentPort;
if (port === null) throw new Error("the template worker was not started as one");
const templates = new PreparedTemplates();
const progress = new Progress(workerData as SharedArrayBuffer);
const kept = new Map<string, Fact>();
let forgot = false;
const checkMemory = memoryCheck(((resourceLimits.maxOldGenerationSizeMb ?? 768) / 3) * 1024 * 1024, () => {
  templates.forgetAll();
  kept.clear();
  forgot = true;
});

port.on("message", (request: WorkerRequest) => {
  forgot = false;
  port.postMessage({ answer: answerTo(request), forgot } satisfies WorkerReply);
});
port.postMessage("ready" satisfies WorkerReply);

function answerTo({ forget, facts: sent, ...request }: WorkerRequest): RenderAnswer {
  if (forget) kept.clear();
  const facts = new Map<string, Fact>();
  for (const [key, fact] of sent) {
    if (fact !== undefined) kept.set(key, fact);
    const known = kept.get(key);
    if (known !== undefined) facts.set(key, known);
  }
  try {
    // What is kept of other renderings is not held against this one.
    checkMemory();
  } catch (thrown) {
    if (thrown instanceof TooLargeError) return NO_MEMORY;
    throw thrown;
  }
  return renderTemplate({ ...request, facts }, templates, { checkMemory, progress });
}
