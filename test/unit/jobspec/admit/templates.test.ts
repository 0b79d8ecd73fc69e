/** Templates, vault and secret blocks: what they have without being told, what a job implies by them, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdmissionError, admitJob, canonicalJob, parseJob, type AdmissionContext } from "#jobspec";

const CONTEXT: AdmissionContext = {
  defaultNamespace: "default",
  defaultRegion: "global",
  priorityDefault: 50,
  priorityMax: 100,
  countMax: 50_000,
  vault: { defaultIdentity: { aud: ["vault.io"], ttlNs: 3_600e9, env: false, file: false, filepath: "", extraClaims: { a: "b" } } },
};
const NO_DEFAULT: AdmissionContext = { ...CONTEXT, vault: { defaultIdentity: null } };
const { vault: _, ...NO_VAULT } = CONTEXT;

const task = (fields: object) => ({ ID: "shop", TaskGroups: [{ Name: "front", Tasks: [{ Name: "web", Driver: "exec", ...fields }] }] });
const template = (...templates: object[]) =>
  task({ Templates: templates.map((each, i) => ({ EmbeddedTmpl: "x", DestPath: `local/${i}`, ...each })) });
const admitted = (input: unknown, context = CONTEXT) => admitJob(input, context);
const taskOf = (input: unknown, context = CONTEXT) => {
  const [first] = admitted(input, context).job.TaskGroups[0]?.Tasks ?? [];
  assert.ok(first !== undefined);
  return first;
};
const constraints = (input: unknown) =>
  admitted(input).job.TaskGroups[0]?.Constraints.map((each) => `${each.LTarget} ${each.Operand} ${each.RTarget}`.trim());

test("a template says nothing of what is usual", () => {
  const [settled] = taskOf(template({})).Templates;
  const { ChangeMode, ChangeSignal, Perms, LeftDelim, RightDelim, Splay, Envvars, Once, Engine } = settled ?? {};
  assert.deepEqual(
    { ChangeMode, ChangeSignal, Perms, LeftDelim, RightDelim, Splay, Envvars, Once, Engine },
    {
      ChangeMode: "restart",
      ChangeSignal: "",
      Perms: "0644",
      LeftDelim: "{{",
      RightDelim: "}}",
      Splay: 5e9,
      Envvars: false,
      Once: false,
      Engine: "",
    },
  );
  // As Go's clients write what was not said.
  const [empty] = taskOf(template({ ChangeMode: "", Perms: "", LeftDelim: "", RightDelim: "", Uid: -1, Gid: -1, VaultGrace: 0 })).Templates;
  assert.deepEqual([empty?.ChangeMode, empty?.Perms, empty?.LeftDelim, empty?.RightDelim], ["restart", "0644", "{{", "}}"]);
});

test("a signal is SIGHUP when none is named, and in capitals", () => {
  const signals = taskOf(template({ ChangeMode: "signal" }, { ChangeMode: "signal", ChangeSignal: "sigusr1" })).Templates.map(
    (each) => each.ChangeSignal,
  );
  assert.deepEqual(signals, ["SIGHUP", "SIGUSR1"]);
  assert.equal(taskOf(task({ Vault: { ChangeMode: "signal" } })).Vault?.ChangeSignal, "SIGHUP");
});

test("a task with a vault block is known there by the identity the servers give, or by its own", () => {
  const [given, ...more] = taskOf(task({ Vault: {} })).Identities;
  assert.deepEqual(
    [given?.Name, given?.Audience, given?.TTL, given?.ExtraClaims, more],
    ["vault_default", ["vault.io"], 3_600e9, { a: "b" }, []],
  );
  const own = { Name: "vault_default", Audience: ["mine"], TTL: 60e9 };
  for (const context of [CONTEXT, NO_DEFAULT]) {
    const identities = taskOf(task({ Vault: {}, Identities: [own] }), context).Identities;
    assert.deepEqual(
      identities.map((each) => each.Audience),
      [["mine"]],
    );
  }
  assert.deepEqual(taskOf(task({})).Identities, []);
});

test("admitting twice changes nothing", () => {
  const once = admitted(
    task({
      Vault: { ChangeMode: "signal" },
      Secrets: [{ Name: "db", Provider: "vault", Path: "secret/data/db" }],
      Templates: [{ EmbeddedTmpl: "x", DestPath: "a", ChangeMode: "signal" }],
    }),
  ).job;
  assert.deepEqual(admitted(once).job, once);
  assert.deepEqual(canonicalJob(once, CONTEXT), once);
});

test("a group runs only where there is what its tasks read and where they can be signalled", () => {
  assert.deepEqual(
    constraints(template({ ChangeMode: "signal" }, { ChangeMode: "signal", ChangeSignal: "SIGUSR1" }, { ChangeSignal: "SIGUSR2" })),
    ["${attr.os.signals} set_contains SIGHUP,SIGUSR1"],
  );
  assert.deepEqual(constraints(task({ Vault: { ChangeMode: "signal", ChangeSignal: "SIGINT" } })), [
    "${attr.os.signals} set_contains SIGINT",
    "${attr.vault.version} semver >= 0.6.1",
  ]);
  const Secrets = [
    { Name: "a", Provider: "vault", Path: "p/q" },
    { Name: "b", Provider: "nomad", Path: "p" },
  ];
  assert.deepEqual(constraints(task({ Vault: {}, Secrets })), [
    "${attr.vault.version} semver >= 0.6.1",
    "${attr.plugins.secrets.nomad.version} is_set",
    "${attr.plugins.secrets.vault.version} is_set",
  ]);
  assert.deepEqual(constraints(template({})), []);
});

const SCRIPT = { ChangeMode: "script", ChangeScript: { Command: "/bin/true" } };
const secret = (fields: object, more: object = { Vault: {} }) =>
  task({ Secrets: [{ Name: "db", Provider: "vault", Path: "secret/data/db", ...fields }], ...more });

for (const [what, input, context] of [
  ["each change mode", template({ ChangeMode: "noop" }, { ChangeMode: "restart" }, { ChangeMode: "signal" }, SCRIPT)],
  ["a source alone", template({ EmbeddedTmpl: "", SourcePath: "local/a.tpl" })],
  ["a destination beside the task's directory", template({ DestPath: "../alloc/data/x" })],
  ["an absolute destination: it begins at the task's directory", template({ DestPath: "/etc/x" })],
  ["a destination that the node fills in", template({ DestPath: "${NOMAD_ALLOC_DIR}/../x" })],
  ["a destination of which only the node knows whether it escapes", template({ DestPath: "${NOMAD_ALLOC_DIR}/../../../x" })],
  ["a vault block without a token in the task, for what is read for it", secret({}, { Vault: { Env: false, DisableFile: true } })],
  ["a secret's path that the node fills in", secret({ Path: "${NOMAD_META_path}" })],
  ["perms with and without a leading zero", template({ Perms: "600" }, { Perms: "04755" })],
  ["env with a restart", template({ Envvars: true })],
  ["a wait with one end", template({ Wait: { Min: 1e9 } }, { Wait: { Max: 1e9 } }, { Wait: { Min: 1, Max: 1 } })],
  ["other delimiters", template({ LeftDelim: "[[", RightDelim: "]]" })],
  ["both engines", template({ Engine: "go" }, { Engine: "handlebars" })],
  ["an owner", template({ Uid: 0, Gid: 100 })],
  ["a role and a namespace", task({ Vault: { Role: "r", Namespace: "team" } })],
  ["a variable as a secret without vault", secret({ Provider: "nomad", Path: "nomad/jobs" }, {}), NO_VAULT],
] as const) {
  test(`admitted without a word: ${what}`, () => assert.deepEqual(admitted(input, context).warnings, []));
}

for (const [what, input, told] of [
  ["one delimiter", template({ LeftDelim: "[[" }), /template 1: its actions begin with "\[\[" and end with "}}": give both/],
  [
    "a change_script for another mode",
    template({ ChangeScript: { Command: "x" } }),
    /change_script has no effect: change_mode is "restart"/,
  ],
  ["vault_grace", template({ VaultGrace: 1e9 }), /vault_grace has no effect/],
  [
    "a source outside",
    template({ EmbeddedTmpl: "", SourcePath: "../../x" }),
    /source "\.\.\/\.\.\/x" escapes.*disable_file_sandbox = true/,
  ],
  ["a vault block for nothing", task({ Vault: { Env: false, DisableFile: true } }), /gets no token, and nothing is read/],
] as const) {
  test(`a warning: ${what}`, () => {
    const { warnings } = admitted(input);
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0] ?? "", told);
  });
}

for (const [what, input, told, context] of [
  ["neither source nor data", template({ EmbeddedTmpl: "" }), /template 1: has no text.*Templates\[0\]\.EmbeddedTmpl/],
  ["both source and data", template({ SourcePath: "local/x" }), /has both source and data/],
  ["no destination", template({ DestPath: "" }), /destination is missing/],
  [
    "two of one destination",
    template({ DestPath: "local/a" }, { DestPath: "local//b/../a" }),
    /template 2: destination "local\/\/b\/\.\.\/a" is that of template 1 too/,
  ],
  [
    "one destination, with and without a slash before it",
    template({ DestPath: "local/a" }, { DestPath: "//local/a" }),
    /destination "\/\/local\/a" is that of template 1 too/,
  ],
  ["the task's own folder, with a slash before it", template({ DestPath: "/secrets" }), /destination "\/secrets" is a folder/],
  ["a folder as destination", template({ DestPath: "local/conf/" }), /destination "local\/conf\/" is a folder: name a file in it/],
  ["the task's own folder as destination", template({ DestPath: "local" }), /destination "local" is a folder/],
  ["a destination outside", template({ DestPath: "../../etc/x" }), /destination "\.\.\/\.\.\/etc\/x" escapes the allocation/],
  ["another change mode", template({ ChangeMode: "reload" }), /change_mode is "reload", must be noop, restart, signal or script/],
  ["a signal for the environment", template({ ChangeMode: "signal", Envvars: true }), /change_mode is "signal" with env = true/],
  [
    "no such signal",
    template({ ChangeMode: "signal", ChangeSignal: "SIGHPU" }),
    /change_signal "SIGHPU" is no signal: did you mean "SIGHUP"\?/,
  ],
  ["a signal's short name", template({ ChangeMode: "signal", ChangeSignal: "HUP" }), /"HUP" is no signal: did you mean "SIGHUP"\?/],
  ["a script mode without a script", template({ ChangeMode: "script" }), /change_mode "script" needs change_script/],
  ["a script without a command", template({ ChangeMode: "script", ChangeScript: {} }), /change_script has no command/],
  ["perms that are none", template({ Perms: "rw-r--r--" }), /perms are "rw-r--r--", must be octal/],
  ["perms of too many bits", template({ Perms: "17777" }), /must be octal/],
  ["a wait the wrong way round", template({ Wait: { Min: 2e9, Max: 1e9 } }), /wait min is more than max/],
  ["a negative owner", template({ Uid: -2 }), /uid is -2/],
  ["a destination with a NUL in it", template({ DestPath: "local/a\0b" }), /escapes the allocation/],
  ["a negative end of a wait", template({ Wait: { Max: -1 } }), /wait is negative/],
  ["a negative beginning of a wait", template({ Wait: { Min: -1 } }), /wait is negative/],
  [
    "a script of less than no time",
    template({ ...SCRIPT, ChangeScript: { Command: "x", Timeout: -1 } }),
    /change_script timeout is negative/,
  ],
  ["a secret's path of two lines", secret({ Path: "secret/data/a\nb" }), /path contains a line break or a NUL/],
  ["a negative splay", template({ Splay: -1 }), /splay is negative/],
  ["another engine", template({ Engine: "jinja" }), /engine is "jinja", must be "go" or "handlebars"/],
  ["delimiters of handlebars", template({ Engine: "handlebars", LeftDelim: "[[" }), /handlebars has no other delimiters/],
  ["vault without one", task({ Vault: {} }), /Vault not enabled but used in the job/, NO_VAULT],
  ["vault without an identity", task({ Vault: {} }), /vault needs an identity/, NO_DEFAULT],
  ["policies", task({ Vault: { Policies: ["db"] } }), /policies come from its role/],
  ["another cluster of Vault", task({ Vault: { Cluster: "other" } }), /vault cluster is "other"/],
  [
    "a script for Vault's token",
    task({ Vault: { ChangeMode: "script" } }),
    /vault change_mode is "script", must be noop, restart or signal/,
  ],
  [
    "a signal of Vault's that is none",
    task({ Vault: { ChangeMode: "signal", ChangeSignal: "SIGX" } }),
    /vault change_signal "SIGX" is no signal/,
  ],
  ["a secret's name", secret({ Name: "a b" }), /secret "a b": name must be letters/],
  [
    "a secret twice",
    task({ Vault: {}, Secrets: [1, 2].map(() => ({ Name: "a", Provider: "nomad", Path: "p" })) }),
    /another secret of the task has the same name/,
  ],
  ["a secret of nobody", secret({ Provider: "" }), /provider is missing/],
  ["a secret of a plugin", secret({ Provider: "aws" }), /provider is "aws", must be nomad or vault/],
  ["a secret of an engine that is none", secret({ Config: { engine: "kv3" } }), /engine is "kv3", must be "kv_v1" or "kv_v2"/],
  ["a secret of a mount alone", secret({ Path: "secret/" }), /path is "secret\/", must be <mount>\/<path>/],
  ["a user beyond the last", template({ Uid: 4_294_967_295 }), /uid is 4294967295, must be 0 to 4294967294/],
  ["a secret without a path", secret({ Path: "" }), /path is missing: for example path = "secret\/data\/app"/],
  ["env for no plugin", secret({ Env: { A: "b" } }), /env is for plugins/],
  ["a secret of Vault without a token", secret({}, {}), /add a block vault \{\}/],
] as const) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => admitted(input, context),
      (thrown: unknown) => {
        assert.ok(thrown instanceof AdmissionError, String(thrown));
        assert.equal(thrown.problems.length, 1, thrown.problems.join("\n"));
        assert.match(thrown.problems[0] ?? "", told);
        return true;
      },
    );
  });
}

test("a secret of nobody implies nothing", () => {
  const constraintsOf = (Provider: string) =>
    canonicalJob(task({ Secrets: [{ Name: "a", Provider, Path: "p" }] }), CONTEXT).TaskGroups[0]?.Constraints;
  assert.deepEqual([constraintsOf("")?.length, constraintsOf("nomad")?.length], [0, 1]);
});

test("the canonical form is had of a job that is refused here", () => {
  const input = task({ Vault: { ChangeMode: "signal" }, Templates: [{ ChangeMode: "signal" }] });
  assert.equal(canonicalJob(input, NO_VAULT).TaskGroups[0]?.Tasks[0]?.Vault?.ChangeSignal, "SIGHUP");
  assert.throws(() => canonicalJob({ ID: 7 }, CONTEXT), AdmissionError);
});

const WRITTEN = `job "shop" {
  group "front" {
    task "web" {
      driver = "exec"
      template {
        destination = "local/a"
        data        = <<-EOT
          name = {{ key "app/name" }}
          port = {{ kye "app/port" }} $\${HOME}
        EOT
      }
      template {
        destination     = "local/b"
        left_delimiter  = "[["
        right_delimiter = "]]"
        data            = "{{ none of ours }} [[ if ]]"
      }
    }
  }
}
`;

test("what is no template is said with the line and column in it, and found in the job file", () => {
  const { job, placeOf } = parseJob({ text: WRITTEN, fileName: "shop.hcl", allowFileFunctions: false });
  assert.throws(
    () => admitted(job),
    (thrown: unknown) => {
      assert.ok(thrown instanceof AdmissionError, String(thrown));
      const [first = "", second = ""] = thrown.problems;
      assert.match(
        first,
        /^Task "web" of group "front": template 1, line 2, column 11: function "kye" is not defined\. Did you mean "key"\? \(/,
      );
      assert.match(second, /template 2, line 1, column \d+: missing value for if/);
      const place = placeOf("TaskGroups[0].Tasks[0].Templates[0].EmbeddedTmpl@2:11");
      const { line, column } = place?.start ?? { line: 0, column: 0 };
      assert.equal((WRITTEN.split("\n")[line - 1] ?? "").slice(column - 1, (place?.end.column ?? 0) - 1), "kye");
      return true;
    },
  );
});
