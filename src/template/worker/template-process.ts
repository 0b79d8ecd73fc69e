/**
 * The process that renders: whatever a template does to V8, the agent goes on. Started by renderer.ts: template-process.ts MEGABYTES.
 *
 * The thread in here runs the templates; this one only carries messages, so that it hears at once when the agent is gone (the channel closes, also
 * by kill -9) and when a rendering took too long. It ends nothing gently: there is nothing in here to save.
 */
import { Worker } from "node:worker_threads";
import { Progress } from "../progress.ts";
import { type Answered, failed, NO_MEMORY, type ProcessReply, type ProcessRequest, type WorkerReply } from "./protocol.ts";

// A young generation that is small is promoted in small pieces: V8 gives up, and the process with it, if the last one is large.
const YOUNG_MEGABYTES = 8;

let limit: NodeJS.Timeout | undefined;
let text = "";
const progress = new Progress();
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const worker = new Worker(new URL(`./template-worker.${extension}`, import.meta.url), {
  name: "templates",
  env: {},
  workerData: progress.shared,
  resourceLimits: { maxOldGenerationSizeMb: Number(process.argv[2]), maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
});

worker.on("message", (reply: WorkerReply) => {
  clearTimeout(limit);
  send(reply === "ready" ? reply : { ...reply, ended: false });
});
worker.on("error", (thrown: Error & { readonly code?: string }) => {
  if (thrown.code === "ERR_WORKER_OUT_OF_MEMORY") end(NO_MEMORY);
  else end(failed("TEMPLATE_FAILED", `Cannot render template: its thread failed (${thrown.name})`));
});
worker.on("exit", () => end(failed("TEMPLATE_FAILED", "Cannot render template: its thread ended")));

process.on("message", ({ request, limitMs }: ProcessRequest) => {
  ({ text } = request);
  const late = failed("TEMPLATE_TIMEOUT", `Cannot render template: it took longer than ${limitMs / 1000} s and was ended`);
  limit = setTimeout(() => end(late), limitMs);
  worker.postMessage(request);
});
process.on("disconnect", leave);
// It may have been gone before anybody listened.
if (!process.connected) leave();

function leave(): void {
  process.kill(process.pid, "SIGKILL");
}

/** Whoever hears it ends this process. */
function end(answer: Answered["answer"]): void {
  clearTimeout(limit);
  send({ answer: progress.locateAnswer(answer, text), forgot: true, ended: true });
}

function send(reply: ProcessReply): void {
  process.send?.(reply, undefined, undefined, () => undefined);
}
