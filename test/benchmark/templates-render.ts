/** What a template of 200 lines costs, in either engine: read and rendered first, rendered again, and through the agent's thread. */
import { createHostClock } from "#integrations/host";
import { createRenderer, type Engine, type RenderRequest } from "#template";
import { PreparedTemplates } from "../../src/template/parsed.ts";
import { renderTemplate } from "../../src/template/render.ts";
import { requestOf } from "../unit/template/rendering.ts";
import { percentile, type Benchmark, type Figure } from "./figure.ts";

const LINES = 200;
const ROUNDS = 100;
const TEXTS: Readonly<Record<Engine, string>> = {
  go: '{{ range $i, $s := (key "list" | split ",") }}{{ if $i }}, {{ end }}{{ $s | toUpper | printf "%s:%s" "x" }}{{ end }} server {{ key "name" }};\n',
  handlebars: '{{#each (split "," (key "list"))}}{{#if @index}}, {{/if}}x:{{toUpper this}}{{/each}} server {{key "name"}};\n',
};
/**
 * From trials of both languages (stack.md §5, §8), on such a machine: what there was to be had. Nomad's own are Go's, and are not known.
 */
const TRIAL: Readonly<Record<Engine, { readonly parse: number; readonly render: number }>> = {
  go: { parse: 27, render: 0.6 },
  handlebars: { parse: 498, render: 2.3 },
};

export const templatesRender: Benchmark = {
  name: "templates-render",
  about: `${LINES} lines in either engine`,
  async run() {
    return [...(await engine("go")), ...(await engine("handlebars"))];
  },
};

async function engine(which: Engine): Promise<readonly Figure[]> {
  const request = requestOf(TEXTS[which].repeat(LINES), which, [
    ["consul", "key", "list", "a,b,c"],
    ["consul", "key", "name", "web"],
  ]);
  const first = timed(() => renderOnce(request, new PreparedTemplates()));
  const anew = Array.from({ length: ROUNDS }, () => timed(() => renderOnce(request, new PreparedTemplates())));
  const kept = new PreparedTemplates();
  renderOnce(request, kept);
  const again = Array.from({ length: ROUNDS }, () => timed(() => renderOnce(request, kept)));
  const through: number[] = [];
  const renderer = createRenderer({ clock: createHostClock({ keepAlive: false }) });
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const started = performance.now();
      const answer = await renderer.render(request);
      if (answer.what !== "rendered") throw new Error(JSON.stringify(answer));
      through.push(performance.now() - started);
    }
  } finally {
    await renderer.close();
  }
  const [startMs = 0, ...rest] = through;
  const { parse, render } = TRIAL[which];
  const name = `templates: ${LINES} lines of ${which}`;
  return [
    { bench: `${name}, the first of a process`, value: first, unit: "ms", reference: parse, goal: "" },
    { bench: `${name}, read and rendered`, value: percentile(anew, 50), unit: "ms", reference: null, goal: "" },
    { bench: `${name}, rendered again`, value: percentile(again, 50), unit: "ms", reference: render, goal: "" },
    { bench: `${name}, by the agent's thread from its start`, value: startMs, unit: "ms", reference: null, goal: "" },
    { bench: `${name}, by the agent's thread`, value: percentile(rest, 50), unit: "ms", reference: null, goal: "" },
  ];
}

function renderOnce(request: RenderRequest, templates: PreparedTemplates): void {
  const answer = renderTemplate(request, templates);
  if (answer.what !== "rendered" || !answer.text.startsWith("x:A, x:B, x:C server web;\n"))
    throw new Error(JSON.stringify(answer).slice(0, 400));
}

function timed(perform: () => void): number {
  const started = performance.now();
  perform();
  return performance.now() - started;
}
