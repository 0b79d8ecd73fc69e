/** Tools that others wrote, and our own login, against an agent with access control: the Go client, Prometheus, a person's browser. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SECRET, startProvider } from "../unit/server/access/provider.ts";
import { freePorts } from "./parts/ports.ts";
import { withFreshPorts } from "./parts/process.ts";
import { buildDiscovery, startPrometheus } from "./parts/prometheus.ts";
import { eventually, freePort, REPOSITORY, run, startRealAgent, temporaryDirectory, type RealAgent } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const LIVE = { skip: SKIP, timeout: 300_000 };
const AGENT = `server {
  enabled = true
}
client {
  enabled = true
}
plugin "raw_exec" { config { enabled = true } }
acl { enabled = true }
`;
const scratch = temporaryDirectory("access-tools");
let agent: RealAgent;
let root = "";

interface Token {
  readonly AccessorID: string;
  readonly SecretID: string;
  readonly Policies: readonly string[];
}

async function put<T>(path: string, body: unknown, token = root): Promise<T> {
  const answer = await agent.request(path, { method: "PUT", body: JSON.stringify(body), headers: { "x-nomad-token": token } });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${path}: ${answer.status} ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

before(async () => {
  if (SKIP) return;
  agent = await startRealAgent({ config: { "agent.hcl": AGENT }, ready: false });
  root = (
    await eventually(
      "bootstrap",
      async () => {
        const answer = await agent.request("/v1/acl/bootstrap", { method: "PUT" });
        return answer.status === 200 && ((await answer.json()) as Token);
      },
      60_000,
    )
  ).SecretID;
  await eventually(
    "a node",
    async () => {
      const answer = await agent.request("/v1/nodes", { headers: { "x-nomad-token": root } });
      return ((await answer.json()) as { Status: string }[]).some(({ Status }) => Status === "ready");
    },
    60_000,
  );
  await put("/v1/acl/policy/readers", { Name: "readers", Rules: 'namespace "default" { policy = "read" }' });
});
after(async () => {
  await agent?.remove();
  scratch.remove();
});

test("the Go client runs its tutorial with a token, and manages policies, roles, tokens and logins", LIVE, async () => {
  const binary = join(scratch.path, "go-client");
  const built = await run("go", ["build", "-o", binary, "."], { cwd: join(REPOSITORY, "test", "tools", "go-client"), timeoutMs: 240_000 });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  const { code, stdout, stderr } = await run(binary, ["-address", agent.address, "-driver", "raw_exec", "-token", root], {
    timeoutMs: 120_000,
  });
  assert.equal(code, 0, `${stdout}${stderr}\n${agent.output()}`);
  assert.equal(stdout.trim().split("\n").at(-1), "ok acl");
  const without = await run(binary, ["-address", agent.address], { timeoutMs: 60_000 });
  assert.match(without.stdout, /^FAILED agent: .*403.*Permission denied/m);
});

test("Prometheus finds services with a token that may read jobs, and none without", LIVE, async (t) => {
  const { SecretID } = await put<Token>("/v1/acl/token", { Name: "prometheus", Type: "client", Policies: ["readers"] });
  const task = { Name: "t", Driver: "raw_exec", Config: { command: "/bin/sleep", args: ["86400"] }, Resources: { CPU: 20, MemoryMB: 16 } };
  const group = { Name: "g", Count: 1, Tasks: [task], Services: [{ Name: "found", Provider: "nomad", Address: "192.0.2.1" }] };
  await put("/v1/jobs", { Job: { ID: "found", Name: "found", Type: "service", Datacenters: ["dc1"], TaskGroups: [group] } });
  const discovery = await buildDiscovery(scratch.path);
  const configOf = (credentials: string) => `scrape_configs:
  - job_name: services
    nomad_sd_configs:
      - server: ${agent.address}
        refresh_interval: 1s
${credentials}    relabel_configs:
      - source_labels: [__meta_nomad_service]
        target_label: service
`;
  const found = (credentials: string) =>
    withFreshPorts(async () => {
      const [port = 0] = await freePorts(1);
      return startPrometheus(t, { config: configOf(credentials), discovery, listen: `127.0.0.1:${port}` });
    });
  const allowed = await found(`        authorization: { type: Bearer, credentials: ${SecretID} }\n`);
  await eventually(
    "its service",
    async () => (await allowed.targets("services")).some(({ labels }) => labels["service"] === "found"),
    60_000,
  );
  assert.equal((await agent.request("/v1/services")).status, 403, "without one");
});

test("a person logs in by the browser; a script by a JWT; whom nothing binds stays out", LIVE, async (t) => {
  const provider = await startProvider(() => Math.floor(Date.now() / 1000));
  t.after(() => provider.close());
  const port = await freePort();
  const redirect = `http://localhost:${port}/oidc/callback`;
  await put("/v1/acl/auth-method", {
    Name: "sso",
    Type: "OIDC",
    TokenLocality: "local",
    MaxTokenTTL: "1h",
    Default: true,
    TokenNameFormat: "${auth_method_name}/${value.user}",
    Config: {
      OIDCDiscoveryURL: provider.url,
      OIDCClientID: "drover",
      OIDCClientSecret: SECRET,
      OIDCEnablePKCE: true,
      DiscoveryCaPem: [provider.ca],
      AllowedRedirectURIs: [redirect],
      ClaimMappings: { sub: "user", team: "team" },
    },
  });
  await put("/v1/acl/binding-rule", { AuthMethod: "sso", Selector: 'value.team == "readers"', BindType: "policy", BindName: "readers" });

  /** As `drover login` in a terminal, with the person's browser beside it. */
  const login = async (...more: readonly string[]) => {
    const main = join(REPOSITORY, "src", "main.ts");
    const child = spawn(process.execPath, [main, "login", "-oidc-callback-addr", `localhost:${port}`, ...more], {
      env: { ...process.env, NOMAD_ADDR: agent.address, NOMAD_TOKEN: "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    t.after(() => child.kill("SIGKILL"));
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (printed += data.toString()));
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const url = await eventually("the address to open", () => /https:\/\/127\.0\.0\.1:\d+\/authorize\S*/.exec(printed)?.[0], 30_000);
    const { code, state } = provider.approve(url);
    const strange = await fetch(`${redirect}?code=${code}&state=another`);
    assert.equal(strange.status, 400, "an answer to no login of ours");
    await fetch(`${redirect}?${new URLSearchParams({ code, state }).toString()}`);
    return { code: await ended, printed };
  };
  provider.claims = { team: "readers" };
  const { code, printed } = await login("-json");
  assert.equal(code, 0, printed);
  const token = JSON.parse(printed.slice(printed.indexOf("{"))) as Token & { Name: string };
  assert.deepEqual([token.Name, token.Policies], ["sso/ana", ["readers"]]);
  const asked = async (path: string) => (await agent.request(path, { headers: { "x-nomad-token": token.SecretID } })).status;
  assert.deepEqual([await asked("/v1/jobs"), await asked("/v1/nodes"), await asked("/v1/acl/token/self")], [200, 403, 200]);

  provider.claims = { team: "strangers" };
  const out = await login();
  assert.notEqual(out.code, 0);
  assert.match(out.printed, /no role or policy bindings matched/);

  await put("/v1/acl/auth-method", {
    Name: "ci",
    Type: "JWT",
    TokenLocality: "local",
    MaxTokenTTL: "1h",
    Config: { OIDCDiscoveryURL: provider.url, DiscoveryCaPem: [provider.ca], BoundAudiences: ["drover"], ClaimMappings: { team: "team" } },
  });
  await put("/v1/acl/binding-rule", { AuthMethod: "ci", Selector: "", BindType: "policy", BindName: "${value.team}" });
  const file = join(scratch.path, "jwt");
  writeFileSync(file, await provider.jwt({ sub: "runner", aud: "drover", team: "readers" }));
  const script = await agent.cli("login", "-method", "ci", "-login-token", `@${file}`, "-json");
  assert.equal(script.code, 0, script.stderr);
  assert.deepEqual((JSON.parse(script.stdout) as Token).Policies, ["readers"]);
  for (const secret of [root, token.SecretID, SECRET]) assert.equal(agent.output().includes(secret), false);
});

test("operator debug holds no token, whoever asks; what the asker may not see is said, and the rest is there", LIVE, async () => {
  const { SecretID } = await put<Token>("/v1/acl/token", { Name: "looks", Type: "client", Policies: ["readers"] });
  for (const [name, token] of Object.entries({ manager: root, reader: SecretID })) {
    const output = join(scratch.path, name);
    const words = ["operator", "debug", "-duration", "1s", "-interval", "1s", "-output", output];
    const { code, stdout, stderr } = await run(process.execPath, [join(REPOSITORY, "src", "main.ts"), ...words], {
      env: { ...process.env, NOMAD_ADDR: agent.address, NOMAD_TOKEN: token },
    });
    const files = readdirSync(output, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    const texts = files.map((each) => readFileSync(join(each.parentPath, each.name), "utf8"));
    assert.ok(
      texts.some((text) => text.includes('"ID": "found"') || text.includes('"Status": "ready"') || text.includes('"CreateIndex"')),
      stdout,
    );
    for (const secret of [root, SecretID])
      assert.equal(
        texts.some((text) => text.includes(secret)),
        false,
        name,
      );
    if (name === "manager") assert.equal(code, 0, stderr);
    else {
      assert.match(stderr, /parts could not be had:[^]*profile: Permission denied/);
      assert.doesNotMatch(stderr, /^\s+at .*\.ts:/m);
    }
  }
});
