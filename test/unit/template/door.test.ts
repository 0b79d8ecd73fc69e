import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";

test("opening the doors of templates and of job files loads no language: the first job with a template does", async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    load(url, context, next) {
      loaded.push(url);
      return next(url, context);
    },
  });
  try {
    const heavy = () => loaded.filter((url) => /\/src\/template\/(?:go|functions|handlebars)\//.test(url) && !url.endsWith("/denied.ts"));
    await import("#jobspec");
    const { checkTemplate } = await import("#template");
    assert.deepEqual(heavy(), []);
    const template = { engine: "go", text: "{{ kye }}", leftDelimiter: "{{", rightDelimiter: "}}" } as const;
    assert.equal(checkTemplate(template)?.code, "TEMPLATE_FUNCTION_UNKNOWN");
    assert.ok(heavy().length > 0);
  } finally {
    hooks.deregister();
  }
});
