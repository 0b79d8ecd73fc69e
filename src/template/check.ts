/**
 * The check at plan time, loaded when a job has a template. The languages take 15 ms to load (Handlebars 45 more), which neither an agent's start
 * nor `job run`, whose parser stands in one room with admission, has to wait for.
 */
import { createRequire } from "node:module";
import type { CheckTemplate } from "./contract.ts";
import type * as Check from "./check-template.ts";

export const checkTemplate: CheckTemplate = (template, deniedFunctions) => {
  // The packed release has it in a file of its own (scripts/pack.ts).
  const file = import.meta.url.endsWith(".ts") ? "./check-template.ts" : "./template-check.js";
  const check = createRequire(import.meta.url)(file) as typeof Check;
  return check.checkTemplate(template, deniedFunctions);
};
