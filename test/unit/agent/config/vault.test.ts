import assert from "node:assert/strict";
import test from "node:test";
import { CLIENT_DEFAULTS } from "#client";
import { ConfigError, loadConfig, parseAgentFlags, type Config } from "../../../../src/agent/config/mod.ts";
import { memoryDisk } from "./memory-disk.ts";

function load(text: string, words: readonly string[] = [], environment: Record<string, string> = {}): Config {
  return loadConfig({
    flags: parseAgentFlags(["-dev", "-config", "/a.hcl", ...words]),
    disk: memoryDisk({ "/a.hcl": text, "/tmp/none": { kind: "directory" } }),
    workingDirectory: "/",
    hostName: "host",
    networkAddresses: [],
    temporaryDirectory: () => "/tmp/none",
    environment,
  });
}
const problems = (text: string): string => {
  try {
    load(text);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.message;
    throw thrown;
  }
  return "";
};

test("Vault is used when it is enabled, and a block that is not says so", () => {
  assert.equal(load("").vault, null);
  assert.deepEqual(load("").warnings, []);
  const written = load('vault { address = "https://v:8200" }');
  assert.equal(written.vault, null);
  assert.match(written.warnings.join(), /written and not enabled: add enabled = true/);
  const off = load("vault { enabled = false }");
  assert.deepEqual([off.vault, off.warnings], [null, []]);
  const on = load("vault { enabled = true }").vault;
  assert.deepEqual(on, {
    address: "https://vault.service.consul:8200",
    namespace: "",
    createFromRole: "",
    jwtAuthBackendPath: "jwt-nomad",
    tls: { caFile: "", caPath: "", certFile: "", keyFile: "", serverName: "", verify: true },
    defaultIdentity: null,
  });
  assert.match(load("vault { enabled = true }").warnings.join(), /no default_identity/);
});

test("every key of the block is read", () => {
  const { vault, warnings, notYet } = load(`vault {
    enabled = true
    name    = "default"
    address = "v.example.org:8200"
    namespace = "/team/"
    create_from_role = "nomad-cluster"
    jwt_auth_backend_path = "jwt-herd/"
    ca_file = "/ca.pem"
    ca_path = "/cas"
    cert_file = "/cert.pem"
    key_file = "/key.pem"
    tls_server_name = "vault"
    tls_skip_verify = true
    task_token_ttl = "1h"
    allow_unauthenticated = true
    default_identity {
      aud = ["vault.io"]
      ttl = "1h"
      env = false
      file = true
      filepath = "v.jwt"
      extra_claims { unique = "x" }
    }
  }`);
  assert.deepEqual(vault, {
    address: "https://v.example.org:8200",
    namespace: "team",
    createFromRole: "nomad-cluster",
    jwtAuthBackendPath: "jwt-herd",
    tls: { caFile: "/ca.pem", caPath: "/cas", certFile: "/cert.pem", keyFile: "/key.pem", serverName: "vault", verify: false },
    defaultIdentity: { aud: ["vault.io"], ttlNs: 3_600e9, env: false, file: true, filepath: "v.jwt", extraClaims: { unique: "x" } },
  });
  assert.deepEqual([warnings, notYet], [[], []]);
});

test("the environment says what the block leaves open, a flag wins over both", () => {
  const environment = {
    VAULT_ADDR: "http://env:8200",
    VAULT_NAMESPACE: "of-env",
    VAULT_CACERT: "/env-ca",
    VAULT_CAPATH: "/env-cas",
    VAULT_CLIENT_CERT: "/env-cert",
    VAULT_CLIENT_KEY: "/env-key",
    VAULT_TLS_SERVER_NAME: "env-name",
    VAULT_SKIP_VERIFY: "true",
  };
  const open = load("vault { enabled = true }", [], environment).vault;
  assert.deepEqual([open?.address, open?.namespace], ["http://env:8200", "of-env"]);
  assert.deepEqual(open?.tls, {
    caFile: "/env-ca",
    caPath: "/env-cas",
    certFile: "/env-cert",
    keyFile: "/env-key",
    serverName: "env-name",
    verify: false,
  });
  const text = 'vault { enabled = true\n address = "http://file:8200"\n ca_file = "/file-ca" }';
  assert.deepEqual(
    [load(text, [], environment).vault?.address, load(text, [], environment).vault?.tls.caFile],
    ["http://file:8200", "/file-ca"],
  );
  const flags = [
    "-vault-address=http://flag:8200",
    "-vault-namespace=f",
    "-vault-ca-file=/f",
    "-vault-create-from-role=r",
    "-vault-tls-skip-verify",
  ];
  const flagged = load(text, flags, environment).vault;
  assert.deepEqual(
    [flagged?.address, flagged?.namespace, flagged?.tls.caFile, flagged?.createFromRole, flagged?.tls.verify],
    ["http://flag:8200", "f", "/f", "r", false],
  );
  assert.notEqual(load("", ["-vault-enabled"]).vault, null);
  assert.equal(load("", [], environment).vault, null, "an address in the environment is no wish");
});

test("-dev-vault is -dev with the Vault on this machine, and an identity for it", () => {
  const { dev, vault, warnings } = load("", ["-dev-vault"]);
  assert.ok(dev);
  assert.deepEqual(
    [vault?.address, vault?.defaultIdentity?.aud, vault?.defaultIdentity?.ttlNs],
    ["http://127.0.0.1:8200", ["vault.io"], 3_600e9],
  );
  assert.deepEqual(warnings, []);
  assert.equal(load("", ["-dev-vault"], { VAULT_ADDR: "http://elsewhere:1" }).vault?.address, "http://elsewhere:1");
  assert.equal(load("", ["-dev-consul", "-dev-vault"]).consul?.taskIdentity?.aud[0], "consul.io");
});

test("a token that lives long is passed over with a word, and shown nowhere", () => {
  for (const config of [load('vault { enabled = true\n token = "s.secret" }'), load("", ["-vault-enabled", "-vault-token=s.secret"])]) {
    assert.match(config.notYet.join(), /vault\.token has no effect.*identities/);
    assert.ok(!JSON.stringify(config).includes("s.secret"));
  }
});

test("an address that is none, one with a password, an identity for nobody and a second Vault are refused", () => {
  assert.match(problems('vault { enabled = true\n address = "http://" }'), /vault\.address is "http:\/\/", must be a URL/);
  for (const scheme of ["http", "ftp"]) {
    const said = problems(`vault { enabled = true\n address = "${scheme}://joe:hidden@v" }`);
    assert.match(said, /holds a user or a password/);
    assert.doesNotMatch(said, /hidden/, "the line is not shown");
  }
  assert.match(
    problems('vault { enabled = true\n default_identity { ttl = "1h" } }'),
    /default_identity has no aud[\s\S]*aud = \["vault.io"\]/,
  );
  assert.match(problems('vault { name = "second" }'), /one Vault is used/);
  assert.equal(load('vault { enabled = true\n address = "unix:///run/vault.sock" }').vault?.address, "unix:///run/vault.sock");
  assert.equal(load('vault { enabled = true\n address = "v:8200" }').vault?.address, "https://v:8200");
  assert.doesNotMatch(problems('vault { enabled = true\n address = "joe:hidden@v:8200" }'), /hidden/);
  assert.match(problems('vault { enabled = true\n address = "joe:hidden@v:8200" }'), /holds a user or a password/);
});

test("templates: defaults are the client's, and every key is read", () => {
  const plain = load("").client.template;
  const { functionsDenied, sandboxDisabled, wait, waitBounds } = CLIENT_DEFAULTS.template;
  assert.partialDeepStrictEqual(plain, { functionsDenied, sandboxDisabled, wait, waitBounds });
  assert.deepEqual([plain.vaultDefaultLeaseMs, plain.maxStaleMs], [30_000, 87_600 * 3_600_000]);
  const { client, notYet } = load(`client { template {
    function_denylist = ["plugin"]
    disable_file_sandbox = true
    max_stale = "10s"
    block_query_wait = "90s"
    vault_default_lease_duration = "5m"
    wait { min = "2s" max = "10s" }
    wait_bounds { min = "1s" max = "1m" }
    consul_retry { attempts = 0 backoff = "1s" max_backoff = "1m" }
    vault_retry { attempts = 12 }
  } }`);
  assert.deepEqual(client.template, {
    functionsDenied: ["plugin"],
    sandboxDisabled: true,
    maxStaleMs: 10_000,
    blockQueryWaitMs: 90_000,
    wait: { minMs: 2_000, maxMs: 10_000 },
    waitBounds: { minMs: 1_000, maxMs: 60_000 },
    vaultDefaultLeaseMs: 300_000,
  });
  assert.ok(notYet.some((each) => /vault_retry\.attempts.*asked until it is back/.test(each)));
});

test("templates: no function may be denied, the old name still counts, and a half of a span makes room", () => {
  const of = (text: string) => load(`client { template { ${text} } }`).client.template;
  assert.deepEqual(of("function_denylist = []").functionsDenied, []);
  assert.deepEqual(of('function_blacklist = ["env"]').functionsDenied, ["env"]);
  assert.deepEqual(of('function_blacklist = ["env", "key"]\n function_denylist = ["env"]').functionsDenied, ["env", "key"]);
  assert.match(problems('client { template { block_query_wait = "11m" } }'), /block_query_wait/);
  assert.equal(of('block_query_wait = "10m"').blockQueryWaitMs, 600_000);
  assert.deepEqual(of('wait { min = "5m" }').wait, { minMs: 300_000, maxMs: 300_000 });
  assert.deepEqual(of('wait { max = "100ms" }').wait, { minMs: 100, maxMs: 100 });
  assert.equal(of('wait_bounds { min = "5s" }').waitBounds?.minMs, 5_000);
  assert.match(problems('client { template { wait { min = "10s"\n max = "1s" } } }'), /wait\.min is 10000 ms, must be at most/);
});
