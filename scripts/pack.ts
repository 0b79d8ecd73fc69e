/**
 * `npm run pack [-- DIRECTORY]`: the release in dist/ (or there): the program bundled, its workers and the log keeper beside it, templates copied.
 * The CLI is a chunk of its own that never holds server code, so a command starts as quickly as Node allows.
 */
import { cpSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const OUTPUT = resolve(process.argv[2] ?? join(ROOT, "dist"));

rmSync(OUTPUT, { recursive: true, force: true });
const result = await build({
  absWorkingDir: ROOT,
  entryPoints: {
    main: "src/main.ts",
    "sqlite-log-worker": "integrations/host/sqlite-log-worker.ts",
    "pulse-worker": "integrations/host/pulse-worker.ts",
    "template-process": "src/template/worker/template-process.ts",
    "template-worker": "src/template/worker/template-worker.ts",
    "template-check": "src/template/check-template.ts",
    "log-keeper": "integrations/host/log-keeper/main.ts",
  },
  outdir: OUTPUT,
  bundle: true,
  // Of ssh2, which dockerode brings: native, optional, and asked for in a try.
  external: ["cpu-features", "*.node"],
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node26",
  minifySyntax: true,
  legalComments: "none",
  metafile: true,
  // Packages written as CommonJS ask for `require`, and where they are.
  banner: {
    js: [
      'import { createRequire as __createRequire } from "node:module";',
      "const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;",
    ].join(" "),
  },
});
cpSync(join(ROOT, "templates"), join(OUTPUT, "templates"), { recursive: true });
const sizes = Object.entries(result.metafile.outputs).map(
  ([file, output]) => `${(output.bytes / 1024).toFixed(0).padStart(6)} KB  ${file}`,
);
console.log(sizes.toSorted().toReversed().slice(0, 8).join("\n"));
