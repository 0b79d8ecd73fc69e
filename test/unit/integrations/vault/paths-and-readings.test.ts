import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseSpelled } from "../../../../integrations/vault/direct.ts";
import { describeVault } from "../../../../integrations/vault/fingerprint.ts";
import { readClaims, skewText } from "../../../../integrations/vault/identity.ts";
import { encoded, readWritten, served, servedPerhaps } from "../../../../integrations/vault/path.ts";
import { VaultProblem, answeredProblem, answerText } from "../../../../integrations/vault/problem.ts";
import { certificateReading, nothingThere, secretReading, type Envelope } from "../../../../integrations/vault/reading.ts";

describe("paths of Vault", () => {
  const kv2 = { path: "team/kv/", isVersioned: true };
  const served2 = (path: string, below: "data" | "metadata" = "data") => served(path, kv2, below);

  test("on a versioned KV a path means its data, a list its names; who says so is taken at their word", () => {
    assert.equal(served2("team/kv/app"), "team/kv/data/app");
    assert.equal(served2("team/kv"), "team/kv/data");
    assert.equal(served2("team/kv/data/app"), "team/kv/data/app");
    assert.equal(served2("team/kv/metadata/app"), "team/kv/metadata/app");
    assert.equal(served2("team/kv/database/app"), "team/kv/data/database/app");
    assert.equal(served2("team/kv/app", "metadata"), "team/kv/metadata/app");
    assert.equal(served2("team/kv/data", "metadata"), "team/kv/metadata/data");
    assert.equal(served("pki/issue/web", { path: "pki/", isVersioned: false }, "data"), "pki/issue/web");
  });

  test("of an engine that is not told, where it would lie is said too, unless the path says it", () => {
    const unknown = { path: "", isVersioned: false };
    assert.equal(servedPerhaps("secret/app", unknown, "data"), "secret/data/app");
    assert.equal(servedPerhaps("secret/data/app", unknown, "data"), undefined);
    assert.equal(servedPerhaps("team/kv/app", kv2, "data"), undefined);
  });

  test("what is written is cleaned, encoded, and never leaves its place", () => {
    assert.deepEqual(readWritten(" /secret/app/?version=2"), { path: "secret/app", query: "version=2" });
    assert.equal(encoded({ path: "a b/ü#?", query: "" }), "a%20b/%C3%BC%23%3F");
    assert.equal(encoded({ path: "a", query: "version=2&x=a b" }), "a?version=2&x=a+b");
    for (const wrong of ["", "/", "a//b", "a/../b", "./a", "..", "?version=1"])
      assert.throws(() => readWritten(wrong), { code: "THING_INVALID" }, wrong);
  });
});

describe("readings of Vault", () => {
  const needs = { defaultLeaseMs: 30_000, chance: 0.5, nowMs: 1_000_000 };
  const read = (envelope: Envelope) => secretReading(envelope, { written: false, leaseName: (id) => `n ${id}` }, needs);

  test("when to look again: the lease, the rotation, the end of what was issued, the author's wish, the default", () => {
    assert.equal(read({ lease_id: "a/b", lease_duration: { "#number": "100" } }).againMs, 90_000);
    const renewable = { lease_id: "a/b", lease_duration: { "#number": "100" }, renewable: true };
    assert.equal(read(renewable).againMs, null, "it is renewed, not made anew");
    assert.equal(read({ data: { rotation_period: { "#number": "60" }, ttl: { "#number": "7" } } }).againMs, 8_000);
    assert.equal(read({ data: { rotation_schedule: "0 * * * *", ttl: { "#number": "7" } } }).againMs, 8_000);
    assert.equal(read({ data: { certificate: "pem", expiration: { "#number": "1100" } } }).againMs, 72_000);
    assert.equal(read({ data: { secret_id: "x", secret_id_ttl: { "#number": "100" } } }).againMs, 72_000);
    assert.equal(read({ lease_duration: { "#number": "5" } }).againMs, 5_000);
    assert.equal(read({ lease_duration: { "#number": "2764800" } }).againMs, 30_000);
    assert.equal(read({}).againMs, 30_000);
    assert.equal(read({ auth: { client_token: "s.x", lease_duration: { "#number": "100" } } }).againMs, 90_000);
    assert.equal(read({ lease_id: "a/b", renewable: true }).againMs, 1_000, "of a lease without a length nobody is told when it is time");
    assert.equal(read({ data: { ttl: { "#number": "7" } } }).againMs, 30_000, "a ttl alone is somebody's value");
    assert.equal(read({ lease_id: "a/b", lease_duration: { "#number": "0" } }).againMs, 1_000, "never at once, over and over");
    assert.deepEqual([nothingThere(30_000).againMs, nothingThere(1_000).againMs], [5_000, 1_000], "somebody waits for it");
  });

  test("what is written without a lease is not written again as often as others are looked at", () => {
    const write = (envelope: Envelope, defaultLeaseMs: number) =>
      secretReading(envelope, { written: true, leaseName: (id) => id }, { ...needs, defaultLeaseMs });
    assert.deepEqual([write({}, 30_000).againMs, write({}, 600_000).againMs, write({}, 30_000).private], [300_000, 600_000, true]);
    assert.equal(write({ lease_id: "a/b", lease_duration: { "#number": "100" } }, 30_000).againMs, 90_000, "a lease says itself");
  });

  test("what is read twice and did not change is the same: the request's own name is only told of what is private", () => {
    const [first, second] = [read({ request_id: "1", data: { a: 1 } }), read({ request_id: "2", data: { a: 1 } })];
    assert.deepEqual(first.value, second.value);
    assert.equal((read({ request_id: "3", lease_id: "a/b" }).value as { RequestID: string }).RequestID, "3");
  });

  test("private is what was made for who asked", () => {
    assert.deepEqual([read({}).private, read({ lease_id: "a/b" }).private], [false, true]);
    const wrapped = read({ wrap_info: { token: "s.w", ttl: { "#number": "60" }, creation_path: "a" } });
    assert.equal(wrapped.private, true);
    assert.partialDeepStrictEqual(wrapped.value, { WrapInfo: { Token: "s.w", TTL: 60, CreationPath: "a" }, Data: {} });
    assert.equal(read({ lease_id: "a/b", lease_duration: { "#number": "1" } }).lease?.id, "n a/b");
  });

  test("a certificate without a chain has its issuer as one, and each part ends in one line feed", () => {
    const data = { certificate: "C\n\n", issuing_ca: "I", private_key: "K\n", expiration: { "#number": "1100" } };
    const { value, againMs, lease } = certificateReading({ data }, (id) => id, needs);
    assert.deepEqual(value, { Cert: "C\n", CA: "I\n", CAChain: ["I\n"], Key: "K\n", Pem: "C\nI\nK\n" });
    assert.deepEqual([againMs, lease], [72_000, { id: "", durationMs: 100_000, renewable: false }]);
  });

  test("numbers keep their spelling, wherever they stand", () => {
    assert.deepEqual(parseSpelled('{"a":[1.50,{"b":-0,"c":1E400}],"d":"1.50","e":null}'), {
      a: [{ "#number": "1.50" }, { b: { "#number": "-0" }, c: { "#number": "1E400" } }],
      d: "1.50",
      e: null,
    });
  });
});

describe("what Vault answers", () => {
  test("Go's lists of errors are one line, pages of proxies a short one", () => {
    assert.equal(answerText({ errors: ["1 error occurred:\n\t* permission denied\n\n"] }), "permission denied");
    assert.equal(answerText({ errors: ["a", "b"] }), "a; b");
    assert.equal(answerText({ data: { metadata: { secret: "x" } } }), "", "values are not repeated");
    assert.ok(answerText("x".repeat(9_000)).length <= 500);
  });

  test("an unknown token is told from one that may not", () => {
    const denied = (...errors: string[]) => answeredProblem(403, { errors }, null).deniedByPolicy;
    assert.equal(denied("1 error occurred:\n\t* permission denied\n\n"), true);
    assert.equal(denied("permission denied"), false);
    assert.equal(denied("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"), false);
    assert.equal(denied("1 error occurred:\n\t* invalid token\n\n"), false);
    assert.equal(denied('preflight capability check returned 403, please ensure client\'s policies grant access to path "a/"'), true);
  });

  test("what passes by itself is told from what does not", () => {
    const passing = [0, 408, 412, 429, 472, 473, 500, 502, 503].filter((status) => !new VaultProblem(status, "x").passes);
    const lasting = [400, 403, 404, 405].filter((status) => new VaultProblem(status, "x").passes);
    assert.deepEqual([passing, lasting], [[], []]);
    assert.ok(new VaultProblem(503, "Vault is sealed").isSealed && new VaultProblem(503, "OpenBao is sealed").isSealed);
  });

  test("a node says what Vault says, and nothing it does not", () => {
    assert.deepEqual(describeVault({ version: "1.20.0", sealed: true, initialized: true }).attributes, {
      "vault.accessible": "false",
      "vault.version": "1.20.0",
    });
  });
});

describe("an identity on its way to Vault", () => {
  const jwt = (claims: unknown) => `a.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c`;

  test("names role, namespace, audience and times; one that is none names nothing", () => {
    const claims = readClaims(jwt({ vault_role: "r", vault_namespace: "n", aud: "vault.io", iat: 1, nbf: 2, exp: 3 }));
    assert.deepEqual(claims, {
      role: "r",
      namespace: "n",
      audience: ["vault.io"],
      issuedAtMs: 1_000,
      notBeforeMs: 2_000,
      expiresAtMs: 3_000,
    });
    for (const junk of ["", "junk", "a.b.c", jwt(null), jwt([1]), jwt({ vault_role: 7, aud: {} })]) {
      assert.deepEqual([readClaims(junk).role, readClaims(junk).audience], ["", []], junk);
    }
  });

  test("how far the clocks are apart is said, and of which", () => {
    const at = (more: Record<string, unknown>) => readClaims(jwt({ iat: 1_000, nbf: 1_000, exp: 4_600, ...more }));
    assert.match(skewText(at({}), 400_000, 400_000), /begins in 600 s: the clocks of the servers and of Vault differ by so much$/);
    assert.match(skewText(at({}), 400_000, 1_000_000), /begins in 600 s.*this machine's clock and Vault's differ by 600 s$/);
    assert.match(skewText(at({}), 5_000_000, 5_000_000), /ended 400 s ago$/);
    assert.equal(skewText(at({}), 2_000_000, 2_000_000), "");
    assert.equal(skewText(at({}), null, 0), "");
    assert.deepEqual([skewText(at({}), 1_000_000, 1_000_000), skewText(at({}), 4_600_000, 4_600_000)], ["", ""], "to the second they fit");
  });
});
