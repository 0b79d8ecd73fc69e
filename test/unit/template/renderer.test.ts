import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createHostClock } from "#integrations/host";
import { createRenderer, type RenderAnswer } from "#template";
import { requestOf } from "./rendering.ts";

const renderer = createRenderer({ clock: createHostClock(), limitMs: 1500, addresses: () => [{ interface: "eth0", address: "10.0.0.9" }] });
after(() => renderer.close());

const said = (answer: RenderAnswer): string =>
  answer.what === "rendered" ? answer.text : answer.what === "failed" ? answer.problem.code : answer.what;

test("a template that does not end is ended, and the others are rendered", { timeout: 60_000 }, async () => {
  const endless = "{{ range loop 100000 }}{{ range loop 100000 }}{{ end }}{{ end }}";
  const backtracking = `{{ regexMatch "^(a+)+$" "${"a".repeat(60)}b" }}`;
  const texts = ["first", endless, "second", backtracking, "third"];
  const answers = await Promise.all(texts.map((text) => renderer.render(requestOf(text, "go"))));
  assert.deepEqual(answers.map(said), ["first", "TEMPLATE_TIMEOUT", "second", "TEMPLATE_TIMEOUT", "third"]);
});

test("one that is ended is told where it was", { timeout: 60_000 }, async () => {
  const placed = async (text: string, engine: "go" | "handlebars"): Promise<unknown> => {
    const answer = await renderer.render(requestOf(text, engine));
    if (answer.what !== "failed") return answer.what;
    const { code, line, message } = answer.problem;
    assert.match(message, new RegExp(`^Cannot render template: line ${line}, column \\d+: it took longer than 1.5 s`));
    return [code, line];
  };
  assert.deepEqual(await placed("a\n{{ if true }}\n{{ range loop 100000 }}{{ range loop 100000 }}b{{ end }}\n{{ end }}{{ end }}", "go"), [
    "TEMPLATE_TIMEOUT",
    3,
  ]);
  assert.deepEqual(await placed("a\n\n{{#each (loop 9000)}}{{#each (loop 90000)}}{{/each}}{{/each}}", "handlebars"), [
    "TEMPLATE_TIMEOUT",
    3,
  ]);
});

test("a template that eats memory is ended, and the agent goes on", { timeout: 60_000 }, async (context) => {
  const renderer = createRenderer({ clock: createHostClock(), limitMs: 50_000, memoryMaxMegabytes: 192 });
  context.after(() => renderer.close());
  const hungry = "{{ range $i := loop 900 }}{{ scratch.Set (print $i) (loop 100000) }}{{ end }}";
  const answers = await Promise.all([renderer.render(requestOf(hungry, "go")), renderer.render(requestOf("after", "handlebars"))]);
  assert.deepEqual(answers.map(said), ["TEMPLATE_TOO_LARGE", "after"]);
});

test("facts are those of the request, also when the thread kept others", async () => {
  const text = '{{ key "a" }}{{ keyOrDefault "b" "-" }}';
  const ask = async (a: string, b?: string) =>
    said(
      await renderer.render(
        requestOf(text, "go", [["consul", "key", "a", a], ...(b === undefined ? [] : ([["consul", "key", "b", b]] as const))]),
      ),
    );
  assert.equal(await ask("1", "2"), "12");
  assert.equal(await ask("3", "2"), "32");
  assert.equal(await ask("3"), "waiting");
  assert.equal(await ask("3", "2"), "32");
  assert.equal(said(await renderer.render(requestOf('{{ sockaddr "GetPrivateIP" }}', "go"))), "10.0.0.9");
});

test("a thousand templates over fifty keys are quick", { timeout: 60_000 }, async () => {
  const known = Array.from({ length: 50 }, (_, index) => ["consul", "key", `k${index}`, `value ${index}`] as const);
  const { facts } = requestOf("", "go", known);
  const texts = Array.from({ length: 1000 }, (_, index) => `${index} {{ key "k${index % 50}" }}`);
  const startedMs = performance.now();
  const answers = await Promise.all(texts.map((text) => renderer.render({ ...requestOf(text, "go"), facts })));
  assert.ok(answers.every(({ what }) => what === "rendered"));
  assert.ok(performance.now() - startedMs < 10_000);
});

test("a closed renderer answers, and a worker that is not there is an answer", async () => {
  const closed = createRenderer({ clock: createHostClock() });
  const pending = closed.render(requestOf("x", "go"));
  await closed.close();
  assert.equal((await pending).what, "failed");
  assert.equal((await closed.render(requestOf("x", "go"))).what, "failed");
  const lost = createRenderer({ clock: createHostClock(), workerUrl: new URL("file:///nonexistent/worker.js") });
  assert.equal(said(await lost.render(requestOf("x", "go"))), "TEMPLATE_FAILED");
  await lost.close();
});
