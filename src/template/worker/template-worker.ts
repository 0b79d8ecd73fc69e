/** The thread that renders: whatever a template does, the agent goes on. It is started, and ended when a rendering takes too long, by renderer.ts. */
import { parentPort, resourceLimits } from "node:worker_threads";
import type { Fact } from "../contract.ts";
import { memoryCheck } from "./memory-check.ts";
import { PreparedTemplates } from "../parsed.ts";
import { renderTemplate } from "../render.ts";
import type { WorkerReply, WorkerRequest } from "./protocol.ts";

const port = parentPort;
if (port === null) throw new Error("the template worker was not started as one");
const templates = new PreparedTemplates();
const checkMemory = memoryCheck(((resourceLimits.maxOldGenerationSizeMb ?? 768) / 3) * 1024 * 1024, () => templates.forgetAll());
const kept = new Map<string, Fact>();

port.on("message", ({ forget, facts: sent, ...request }: WorkerRequest) => {
  if (forget) kept.clear();
  const facts = new Map<string, Fact>();
  for (const [key, fact] of sent) {
    if (fact !== undefined) kept.set(key, fact);
    const known = kept.get(key);
    if (known !== undefined) facts.set(key, known);
  }
  port.postMessage(renderTemplate({ ...request, facts }, templates, checkMemory) satisfies WorkerReply);
});
port.postMessage("ready" satisfies WorkerReply);
