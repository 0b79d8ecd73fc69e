/**
 * Templates: text and facts in, text out. Two engines, one set of functions.
 *
 * What comes in: a template's text (Go's text/template or Handlebars), what is known of the things it looks at. What goes out: the text it makes,
 * or which things are missing, or what is wrong with it and where.
 *
 * Invariants: the same text and facts make the same bytes; nothing is read, fetched or waited for in here; a template that does not end is ended
 * (worker), and nobody notices.
 *
 * Never here: a job, a task, a token; how a thing is got or watched (client/lookout).
 *
 * Its door costs nothing to open: the languages are loaded by the thread that renders, and by the first job with a template (check.ts).
 *
 * Read next: contract.ts, then go/ (the language), functions/ (what it can say), handlebars/, render.ts (one round), worker/.
 */
export * from "./contract.ts";
export { checkTemplate } from "./check.ts";
export { DENIED_BY_DEFAULT } from "./functions/denied.ts";
export { createRenderer, type RendererOptions } from "./worker/renderer.ts";
