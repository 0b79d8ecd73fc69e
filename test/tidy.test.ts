/** Style as a test: what can be checked by a machine is not left to review. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";

const tracked = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { encoding: "utf8" }).split("\n").filter(Boolean);
const sources = tracked.filter((file) => /^(src|integrations)\/.*\.ts$/.test(file));
const everyText = tracked.filter((file) => /\.(ts|md|sh|json|hcl|yml|txt|service|go)$/.test(file) && file !== "package-lock.json");
const read = (file: string): string => readFileSync(file, "utf8");

/** Longer by nature: tables, one schema-wide noun, the grammar of a language. Each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {};
const LINES_MAX = 600;

test("no source file is longer than one idea needs", () => {
  const long = sources.filter((file) => !Object.hasOwn(LONG_FILES, file) && read(file).split("\n").length > LINES_MAX);
  assert.deepEqual(long, [], `longer than ${LINES_MAX} lines: split by idea`);
});

test("no file or folder has a name that says nothing", () => {
  const banned = /(^|\/)(utils?|helpers?|common|misc|lib|types|managers?)(\.ts|\/)/;
  assert.deepEqual(
    sources.filter((file) => banned.test(file)),
    [],
  );
});

test("every door opens with what comes in, what goes out and where to read next", () => {
  const doors = sources.filter((file) => /^src\/[^/]+\/mod\.ts$/.test(file));
  assert.ok(doors.length > 8, "the rooms were not found");
  const mute = doors.filter((file) => {
    const text = read(file);
    const header = text.slice(0, text.indexOf("*/"));
    return !text.startsWith("/**") || header.split("\n").length < 6;
  });
  assert.deepEqual(mute, []);
});

test("rooms take time and chance as arguments", () => {
  const rooms = sources.filter((file) => /^src\/(model|jobspec|server|cluster|state|scheduler|plan|client|driver|task)\//.test(file));
  const banned: readonly (readonly [RegExp, string])[] = [
    [/\bDate\.now\(/, "Date.now(): take a Clock"],
    [/\bMath\.random\(/, "Math.random(): take a Random"],
    [/\bnew Date\(\)/, "new Date(): take a Clock"],
    [/\bsetTimeout\(|\bsetInterval\(/, "setTimeout: use clock.after"],
    [/\blocaleCompare\(/, "localeCompare(): differs between machines; compare with <"],
    [/\bprocess\.env\b/, "process.env: take it as an argument"],
  ];
  const offences = rooms.flatMap((file) => {
    const code = read(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    return banned.filter(([pattern]) => pattern.test(code)).map(([, advice]) => `${file}: ${advice}`);
  });
  assert.deepEqual(offences, []);
});

test("nothing is left to be fixed some day", () => {
  const self = "test/tidy.test.ts";
  const left = everyText.filter((file) => file !== self && /\b(FIXME|XXX|HACK)\b/.test(read(file)));
  assert.deepEqual(left, []);
});

test("no path of the machine it was written on is committed", () => {
  const here = process.cwd();
  assert.deepEqual(
    everyText.filter((file) => read(file).includes(`${here}/`)),
    [],
  );
});

test("every error code is documented, and every documented code exists", () => {
  const used = new Set<string>();
  for (const file of sources) {
    for (const match of read(file).matchAll(/new NamedError\(\s*"([A-Z][A-Z0-9_]+)"|super\(\s*"([A-Z][A-Z0-9_]+)"/g)) {
      used.add((match[1] ?? match[2]) as string);
    }
  }
  const documented = new Set([...read("docs/errors.md").matchAll(/^\| `([A-Z][A-Z0-9_]+)`/gm)].map((match) => match[1] as string));
  assert.deepEqual(
    {
      undocumented: [...used].filter((code) => !documented.has(code)),
      // Some are chosen in one place and thrown in another.
      unused: [...documented].filter((code) => !used.has(code) && !sources.some((file) => read(file).includes(`"${code}"`))),
    },
    { undocumented: [], unused: [] },
  );
});

test("tests are named in sentences", () => {
  const files = tracked.filter((file) => file.startsWith("test/") && file.endsWith(".test.ts"));
  const mute = files.flatMap((file) =>
    [...read(file).matchAll(/^\s*(?:test|it)\(\s*"([^"]+)"/gm)]
      .map((match) => match[1] as string)
      .filter((name) => name.split(/\s+/).length < 3)
      .map((name) => `${basename(file)}: ${name}`),
  );
  assert.deepEqual(mute, []);
});

test("the lock file names every optional package, also of other platforms: npm ci refuses a lock that leaves one out", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const known = Object.keys(packages);
  const missing = Object.entries(packages).flatMap(([wants, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !known.some((place) => place === `node_modules/${name}` || place.endsWith(`/node_modules/${name}`)))
      .map((name) => `${wants}: ${name}`),
  );
  assert.ok(known.length > 100, "the lock was not read");
  assert.deepEqual(missing, []);
});

test("every dependency has its exact version and its reason in ARCHITECTURE.md, and nothing else stands there", () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read("package.json")) as Record<
    string,
    Record<string, string>
  >;
  const named = { ...dependencies, ...devDependencies, ...optionalDependencies };
  const plan = read("ARCHITECTURE.md");
  const table = plan.slice(plan.indexOf("\n## Dependencies\n"), plan.indexOf("\n## Real parts for tests\n"));
  const written = Object.fromEntries(
    [...table.matchAll(/^\| (?!package |---)(.+?) \| (.+?) \| .+? \| .+ \|$/gm)].flatMap(([, packages = "", versions = ""]) => {
      const each = versions.split(", ");
      const names = packages.replaceAll(/ \((?:dev|optional)\)/g, "").split(", ");
      return names.map((name, at) => [name, each[at] ?? each[0]]);
    }),
  );
  assert.deepEqual(written, named);
});
