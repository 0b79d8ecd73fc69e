import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseVariables } from "../../../../src/client/templates/dotenv.ts";
import { destinationOf, sourceOf, type TemplatePaths } from "../../../../src/client/templates/paths.ts";
import { planChange, splayMs } from "../../../../src/client/templates/plan.ts";
import { dueMs, unrest, waitOf } from "../../../../src/client/templates/quiet.ts";
import { concealValues, unsealTemplate, unsealText } from "../../../../src/client/templates/sealed.ts";
import type { PreparedTemplate } from "../../../../src/client/templates/task-templates.ts";
import { Told } from "../../../../src/client/templates/told.ts";
import { describeWaits } from "../../../../src/client/templates/waiting.ts";
import { memoryStore } from "../tokens/memory-store.ts";
import { allocationId, NANOSECONDS } from "../stage.ts";
import { aTemplate, keyThing } from "./parts.ts";

describe("a file of variables", () => {
  for (const [text, expected] of [
    ["FoO=", { FoO: "" }],
    ["F_O= ", { F_O: "" }],
    [" FOO = bar baz ", { FOO: "bar baz" }],
    ["\tFOO\t= \tbar \t", { FOO: "bar" }],
    ["export FOO = bar", { FOO: "bar" }],
    ["FOO=bar # ok", { FOO: "bar" }],
    ["FOO=#bar#", { FOO: "" }],
    ['FOO="bar#"', { FOO: "bar#" }],
    ['FOO = " bar\\t" ', { FOO: " bar\t" }],
    ["FOO='\\n' # empty", { FOO: "\\n" }],
    ["FOO=normal'single ' ", { FOO: "normalsingle " }],
    ['FOO= "double\\\\" normal # "EOL"', { FOO: "double\\ normal" }],
    [`export FOO =  'single\\n' \\\\normal\\t "double\\"\\n " # comment`, { FOO: 'single\\n \\\\normal\\t double"\n ' }],
    ['U="\\ud83d\\udd25"', { U: "🔥" }],
    ["# only\n\r\nA=1\r\nA=2\nB=$A", { A: "2", B: "$A" }],
  ] as const) {
    test(JSON.stringify(text), () => assert.deepEqual(parseVariables(text, "f"), expected));
  }
  for (const text of ["FOO", "=x", "1A=x", 'A="x', "A='x", 'A="\\q"', 'A="\\u12"']) {
    test(`is refused without its content: ${text}`, () =>
      assert.throws(() => parseVariables(`OK=1\n${text}`, "local/env"), /Cannot read variables from "local\/env": line 2: /));
  }
});

describe("places", () => {
  const paths = (isolation: "none" | "chroot"): TemplatePaths => {
    const visible =
      isolation === "chroot"
        ? { shared: "/alloc", local: "/local", secrets: "/secrets" }
        : { shared: "/d/a/alloc", local: "/d/a/web/local", secrets: "/d/a/web/secrets" };
    const names = new Map([
      ["NOMAD_ALLOC_DIR", visible.shared],
      ["NOMAD_TASK_DIR", visible.local],
      ["NOMAD_SECRETS_DIR", visible.secrets],
    ]);
    return { names, allocationDirectory: "/d/a", task: "web", visible };
  };
  for (const [written, root, path] of [
    ["local/x", "/d/a/web", "local/x"],
    ["x/y", "/d/a/web", "x/y"],
    ["/x", "/d/a/web", "x"],
    ["${NOMAD_TASK_DIR}/x", "/d/a/web", "local/x"],
    ["${NOMAD_SECRETS_DIR}/x", "/d/a/web", "secrets/x"],
    ["${NOMAD_ALLOC_DIR}/data/x", "/d/a/alloc", "data/x"],
    ["alloc/x", "/d/a/alloc", "x"],
    ["../alloc/x", "/d/a/alloc", "x"],
  ] as const) {
    for (const isolation of ["none", "chroot"] as const)
      test(`${written} (${isolation})`, () => assert.deepEqual(destinationOf(written, paths(isolation)), { root, path }));
  }
  for (const written of ["../x", "../other/local/x", "local/../../x", "local", "private/x", "local/x/", "${NOMAD_TASK_DIR}/../../x", ""])
    test(`outside: ${written}`, () => assert.throws(() => destinationOf(written, paths("none")), { code: "FILE_OUTSIDE" }));

  test("a source outside is the operator's to allow", () => {
    assert.throws(() => sourceOf("/etc/app.tpl", paths("none"), false), { code: "FILE_OUTSIDE" });
    assert.deepEqual(sourceOf("/etc/app.tpl", paths("none"), true), { root: "/etc", path: "app.tpl" });
  });
});

describe("decisions", () => {
  const prepared = (name: string, fields: Parameters<typeof aTemplate>[0]): PreparedTemplate => ({
    name,
    template: aTemplate(fields),
    text: "",
    destination: { root: "/", path: "x" },
    mode: 0o644,
    owner: "",
    wait: { minMs: 0, maxMs: 0 },
  });

  test("restart wins; each signal and script once", () => {
    const script = { Command: "x", Args: [], Timeout: 1, FailOnError: false, RunOnFirstRender: false };
    const both = [
      prepared("a", { ChangeMode: "signal" }),
      prepared("b", { ChangeMode: "signal", ChangeSignal: "SIGHUP", Splay: NANOSECONDS }),
      prepared("c", { ChangeMode: "script", ChangeScript: script }),
      prepared("d", { ChangeMode: "script", ChangeScript: script }),
    ];
    assert.deepEqual(planChange(both), { restart: false, signals: ["SIGHUP"], scripts: [script], names: ["a", "b", "c", "d"] });
    assert.deepEqual(planChange([...both, prepared("e", {})]).restart, true);
    assert.equal(splayMs(both), 1000);
  });

  test("quiet: within what the operator allows", () => {
    assert.equal(dueMs(unrest(unrest(undefined, 0), 50), { minMs: 100, maxMs: 120 }), 120);
    assert.equal(dueMs(unrest(undefined, 0), { minMs: 100, maxMs: 120 }), 100);
    const settings = { functionsDenied: [], sandboxDisabled: false, wait: { minMs: 250, maxMs: 9000 }, waitBounds: null };
    assert.deepEqual(waitOf(null, settings), { minMs: 250, maxMs: 9000 });
    assert.deepEqual(waitOf({ Min: 2 * NANOSECONDS, Max: null }, settings), { minMs: 2000, maxMs: 8000 });
    assert.deepEqual(waitOf({ Min: 2 * NANOSECONDS, Max: 60 * NANOSECONDS }, { ...settings, waitBounds: { minMs: 5000, maxMs: 30_000 } }), {
      minMs: 5000,
      maxMs: 30_000,
    });
  });

  test("sealed values never become a part of the template", () => {
    const names = new Map([
      ["sealed.a", "plain"],
      ["sealed.b", 'no "part"'],
    ]);
    const text = '{{ "${sealed.a}" }} ${ sealed.b } ${sealed.c} ${HOME}';
    assert.equal(unsealTemplate(text, names, ["{{", "}}"]), '{{ "plain" }} ${ sealed.b } ${sealed.c} ${HOME}');
    assert.equal(unsealText(text, names), '{{ "plain" }} no "part" ${sealed.c} ${HOME}');
    assert.equal(concealValues("it is plain to see", names), "it is ${sealed.a} to see");
  });

  test("what is missing, at most three of it, with reasons", () => {
    const missing = ["a", "b", "c", "d"].map(keyThing);
    assert.equal(describeWaits({ missing, problems: new Map() }).message, "Missing: kv.block(a), kv.block(b), kv.block(c), and 1 more");
  });

  test("what was told is kept, by attempt", () => {
    const facts = new Map<string, string>();
    const told = () => new Told(memoryStore(facts), allocationId("a"), "web", () => {});
    const first = told();
    first.begin(0, { digests: { x: "1" }, things: [keyThing("a")] });
    first.begin(0, { digests: { y: "1" } });
    first.telling(["x"]);
    assert.deepEqual(told().of(0)?.telling, ["x"]);
    first.told({ x: "2" });
    assert.deepEqual([told().of(0)?.digests, told().of(0)?.telling, told().of(1)], [{ x: "2", y: "1" }, [], undefined]);
    first.change({ environment: { A: "b" } });
    first.telling(["y"]);
    first.begin(1, {});
    assert.deepEqual([told().of(1)?.telling, told().of(1)?.environment], [[], undefined], "another process, which reads all of it");
    assert.deepEqual([told().of(1)?.digests, told().of(1)?.things], [{ x: "2", y: "1" }, [keyThing("a")]], "until each has said its own");
    first.forget();
    assert.equal(facts.size, 0);
  });

  test("what could not be kept is kept with the next word, though that says nothing new", () => {
    const facts = new Map<string, string>();
    const store = memoryStore(facts);
    const reports: string[] = [];
    let full = true;
    const saveFact: typeof store.saveFact = (name, value) => {
      if (full) throw new Error("disk is full");
      store.saveFact(name, value);
    };
    const told = new Told({ ...store, saveFact }, allocationId("a"), "web", ({ message }) => reports.push(message));
    told.begin(0, { digests: { x: "1" } });
    told.begin(0, { digests: { x: "1" } });
    assert.deepEqual([told.of(0)?.digests, facts.size, reports.length], [{ x: "1" }, 0, 1], "said once, and known meanwhile");
    full = false;
    told.begin(0, { digests: { x: "1" } });
    assert.equal(facts.size, 1);
  });
});
