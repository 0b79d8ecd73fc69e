/**
 * The check at plan time, loaded when a job has a template. The languages and their functions take 35 ms to load, which neither an agent's start
 * nor `job run`, whose parser stands in one room with admission, has to wait for.
 */
import { createRequire } from "node:module";
import type { CheckTemplate } from "./contract.ts";
import type * as Render from "./render.ts";

export const checkTemplate: CheckTemplate = (template, deniedFunctions) => {
  // The packed release has it in a file of its own (scripts/pack.ts).
  const file = import.meta.url.endsWith(".ts") ? "./render.ts" : "./template-check.js";
  const render = createRequire(import.meta.url)(file) as typeof Render;
  return render.checkTemplate(template, deniedFunctions);
};
