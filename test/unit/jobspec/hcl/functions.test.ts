/** Functions the oracle does not have: hashes, base64, addresses, identifiers, files. Expected values are published ones. */
import { compareSync } from "bcryptjs";
import assert from "node:assert/strict";
import { generateKeyPairSync, publicEncrypt, constants } from "node:crypto";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { makeFunctions, parseLoneExpression, toPlain, tryEvaluate, type FunctionTable } from "#jobspec/hcl";

const ALL = `abs base64decode base64encode bcrypt can ceil chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist
  compact concat contains convert csvdecode distinct element flatten floor format formatdate formatlist indent index join jsondecode jsonencode
  keys length log lookup lower max md5 merge min parseint pow range regex_replace replace reverse rsadecrypt setintersection setproduct setunion
  sha1 sha256 sha512 signum slice sort split strlen strrev substr timeadd title trim trimprefix trimspace trimsuffix try upper urlencode uuidv4
  uuidv5 values yamldecode yamlencode zipmap abspath basename dirname file filebase64 fileexists fileset pathexpand`.split(/\s+/);

const functions = makeFunctions({ randomUuid: () => "11111111-2222-4333-8444-555555555555" });

test("reverse turns lists round, and texts as Nomad's does", () => {
  assert.deepEqual(answer("reverse([1, 2])"), [2, 1]);
  assert.equal(answer('reverse("ab")'), "ba");
  assert.match(String(answer("reverse({})")), /^! reverse: wants a list or a text/);
});

function answer(text: string, table: FunctionTable = functions): unknown {
  const { expression, diagnostics } = parseLoneExpression(text, "e");
  assert.deepEqual(diagnostics, []);
  const result = tryEvaluate(expression!, { names: new Map(), functions: table, unknownRoots: "refuse", hints: new Map() });
  return "value" in result ? toPlain(result.value) : `! ${result.diagnostic.summary}`;
}

test("every function of the language is there", () => {
  assert.deepEqual(
    ALL.filter((name) => !functions.has(name)),
    [],
  );
  assert.deepEqual(
    [...functions.keys()].filter((name) => !ALL.includes(name)),
    [],
  );
});

describe("published values", () => {
  for (const [text, expected] of [
    ['md5("hello")', "5d41402abc4b2a76b9719d911017c592"],
    ['sha1("hello")', "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"],
    ['sha256("hello")', "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"],
    ['substr(sha512(""), 0, 16)', "cf83e1357eefb8bd"],
    ['base64encode("héllo")', "aMOpbGxv"],
    ['base64decode("aMOpbGxv")', "héllo"],
    ['base64decode("a")', "! base64decode: the text is no base64"],
    ['base64decode("/w==")', "! base64decode: the decoded bytes are no UTF-8 text"],
    ['urlencode("a b&c=d/é*")', "a+b%26c%3Dd%2F%C3%A9%2A"],
    ['uuidv5("dns", "www.example.com")', "2ed6657d-e927-568b-95e1-2665a8aea6a2"],
    ['uuidv5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com")', "2ed6657d-e927-568b-95e1-2665a8aea6a2"],
    ["uuidv4()", "11111111-2222-4333-8444-555555555555"],
    ['cidrhost("10.12.127.0/20", 16)', "10.12.112.16"],
    ['cidrhost("10.12.127.0/20", -1)', "10.12.127.255"],
    ['cidrhost("fd00:fd12:3456:7890:00a2::/72", 34)', "fd00:fd12:3456:7890::22"],
    ['cidrhost("10.0.0.0/30", 4)', "! cidrhost: prefix of 30 does not accommodate a host numbered 4"],
    ['cidrnetmask("172.16.0.0/12")', "255.240.0.0"],
    ['cidrsubnet("172.16.0.0/12", 4, 2)', "172.18.0.0/16"],
    ['cidrsubnet("10.1.2.0/24", 4, 15)', "10.1.2.240/28"],
    ['cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)', "fd00:fd12:3456:7800:a200::/72"],
    ['cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)', ["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]],
    ['cidrhost("10.0.0.1", 1)', '! cidrhost: invalid CIDR expression: "10.0.0.1" (like 10.0.0.0/8)'],
    ['coalesce(null, "", "b")', "b"],
    ['coalesce("")', "! coalesce: no argument is neither null nor empty"],
    ['yamldecode("a: 1")', { a: 1 }],
    ['yamldecode("a: &x [1, yes]\\nb: *x\\nc: {<<: {d: ~}, e: 0x1f}")', { a: [1, true], b: [1, true], c: { d: null, e: 31 } }],
    ['yamldecode("a: *x")', '! yamldecode: there is no anchor "x"'],
    ['yamldecode("a: [1")', /^! yamldecode: Flow sequence in block collection must be/],
    ['bcrypt("x", 3, 4)', "! bcrypt: wants 1 or 2 arguments (str, cost), got 3"],
    ['bcrypt("x", 31)', "! bcrypt: too much work for one file: use a lower cost, or hash the text beforehand"],
    ['bcrypt("x", 4.5)', "! bcrypt: cost must be a whole number up to 31"],
    [`bcrypt("${"x".repeat(73)}")`, "! bcrypt: the text is longer than 72 bytes"],
    ['basename("/a/b.txt")', "b.txt"],
    ['dirname("/a/b.txt")', "/a"],
  ] as const) {
    if (text.includes("basename") || text.includes("dirname")) {
      test(text, () => assert.deepEqual(answer(text, makeFunctions({ folder: "/", randomUuid: () => "" })), expected));
    } else if (expected instanceof RegExp) test(text, () => assert.match(String(answer(text)), expected));
    else test(text, () => assert.deepEqual(answer(text), expected));
  }
});

test("bcrypt makes hashes that check, of the cost that was asked for, salted anew each time", () => {
  const fresh = (): FunctionTable => makeFunctions({ randomUuid: () => "" });
  const hash = String(answer('bcrypt("pässword", 5)', fresh()));
  assert.match(hash, /^\$2[aby]\$05\$/);
  assert.ok(compareSync("pässword", hash));
  assert.ok(!compareSync("password", hash));
  assert.notEqual(hash, answer('bcrypt("pässword", 5)', fresh()));
  assert.match(String(answer('bcrypt("x", 0)', fresh())), /^\$2[aby]\$10\$/);
});

test("a file asks for a bounded amount of hashing, all its calls together", () => {
  const table = makeFunctions({ randomUuid: () => "" });
  const started = performance.now();
  assert.match(String(answer('[for i in range(100): bcrypt("x", 11)]', table)), /too much work for one file/);
  assert.ok(performance.now() - started < 20_000);
});

test("rsadecrypt reads what the public key wrote, and its failures show nothing of it", () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  const cipher = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, Buffer.from("secret")).toString("base64");
  assert.equal(answer(`rsadecrypt(${JSON.stringify(cipher)}, ${JSON.stringify(pem)})`), "secret");
  const failed = String(answer(`rsadecrypt(${JSON.stringify(cipher)}, "no key")`));
  assert.match(failed, /^! rsadecrypt: cannot decrypt/);
  assert.ok(!failed.includes(cipher.slice(0, 10)));
});

describe("functions that read files", () => {
  const folder = mkdtempSync(join(tmpdir(), "drover-hcl-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "a.txt"), "hello\n");
  writeFileSync(join(folder, "sub", "b.txt"), "b");
  writeFileSync(join(folder, "bytes"), Uint8Array.from([0xff, 0xfe]));
  const here = makeFunctions({ folder, randomUuid: () => "" });

  for (const [text, expected] of [
    ['file("a.txt")', "hello\n"],
    ['file("sub/b.txt")', "b"],
    ['filebase64("bytes")', "//4="],
    ['file("bytes")', '! file: "bytes" is not UTF-8 text; filebase64 reads any bytes'],
    ['fileexists("a.txt")', true],
    ['fileexists("nope")', false],
    ['fileexists("sub")', '! fileexists: "sub" is not a regular file'],
    ['fileset(".", "**/*.txt")', ["a.txt", "sub/b.txt"]],
    ['fileset("sub", "*")', ["b.txt"]],
    ['pathexpand("~/x")', `${homedir()}/x`],
    ['pathexpand("/x")', "/x"],
  ] as const) {
    test(text, () => assert.deepEqual(answer(text, here), expected));
  }
  test("a file that is not there is named, with where it was looked for", () => {
    assert.equal(answer('file("nope")', here), `! file: cannot read "nope": no such file; looked at ${folder}/nope`);
  });
  test("they refuse where nobody allowed them", () => {
    for (const name of ["file", "filebase64", "fileexists", "abspath", "pathexpand"]) {
      assert.equal(answer(`${name}("a.txt")`), `! ${name}: filesystem functions are disabled here; parse the file with the CLI`);
    }
    assert.match(String(answer('fileset(".", "*")')), /disabled here/);
  });
});
