/**
 * Access control on and off, TLS on and off, namespaces, node pools: in each a job with all that needs somebody's leave (a template of variables, a
 * service, its own identity at the API's socket) runs, and is read by who may (F26). The large matrix is in process: ../unit/api/acl-matrix.test.ts.
 */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { after, test } from "node:test";
import { openHouse } from "./parts/house.ts";
import { eventually, startRealAgent, temporaryDirectory } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 120_000 };
const scratch = temporaryDirectory("access-matrix");
after(() => scratch.remove());
const house = openHouse(scratch.path, "house");
const { cert, key } = house.issue("agent", { dns: ["server.global.nomad", "client.global.nomad", "localhost"], addresses: ["127.0.0.1"] });

const agentOf = (acl: boolean, tls: boolean, pool: string) => `server {
  enabled = true
}
client {
  enabled = true
  node_pool = "${pool}"
  dns { port = 0 }
}
plugin "raw_exec" { config { enabled = true } }
acl { enabled = ${acl} }
${tls ? `tls {\n  http = true\n  rpc = true\n  ca_file = "${house.file}"\n  cert_file = "${cert}"\n  key_file = "${key}"\n  verify_server_hostname = true\n}\n` : ""}`;

const SCRIPT = `echo "read $(cat local/said) asked $(curl -sS -o /dev/null -w '%{http_code}' -m 20 --unix-socket "$NOMAD_SECRETS_DIR/api.sock" \\
  -H "X-Nomad-Token: $NOMAD_TOKEN" "http://localhost/v1/services?namespace=$NOMAD_NAMESPACE")"; exec sleep 86400`;

const jobOf = (namespace: string, pool: string) => ({
  ID: "asks",
  Name: "asks",
  Namespace: namespace,
  NodePool: pool,
  Type: "service",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "g",
      Count: 1,
      Services: [{ Name: "asks", Provider: "nomad", Address: "192.0.2.1" }],
      Tasks: [
        {
          Name: "t",
          Driver: "raw_exec",
          Config: { command: "/bin/sh", args: ["-c", SCRIPT] },
          Identity: { Env: true },
          Templates: [{ DestPath: "local/said", EmbeddedTmpl: '{{ with nomadVar "nomad/jobs/asks" }}{{ .word }}{{ end }}' }],
          Resources: { CPU: 20, MemoryMB: 32 },
        },
      ],
    },
  ],
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

for (const acl of [false, true]) {
  for (const tls of [false, true]) {
    // Pools change sides, so that each is seen with both.
    const pool = acl === tls ? "default" : "gpu";
    test(
      `access control ${acl ? "on" : "off"}, TLS ${tls ? "on" : "off"}, node pool ${pool}: jobs of two namespaces run and are read by who may`,
      LIVE,
      async (t) => {
        const agent = await startRealAgent({ config: { "agent.hcl": agentOf(acl, tls, pool) }, ready: false });
        t.after(() => agent.remove());
        const ask = (path: string, { method = "GET", body, token = "" }: { method?: string; body?: unknown; token?: string } = {}) =>
          new Promise<Answer>((resolve, reject) => {
            const headers = token === "" ? {} : { "x-nomad-token": token };
            const options = { host: "127.0.0.1", port: agent.port, path, method, headers, ca: house.text, agent: false as const };
            const sent = (tls ? httpsRequest : httpRequest)(options, (response) => {
              let text = "";
              response.on("data", (part: Buffer) => (text += part.toString()));
              response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
            });
            sent.on("error", reject);
            sent.end(body === undefined ? undefined : JSON.stringify(body));
          });
        await eventually("an answer", async () => (await ask("/v1/status/leader")).text.length > 2, 60_000);
        const bootstrapped = await ask("/v1/acl/bootstrap", { method: "PUT" });
        assert.equal(bootstrapped.status, acl ? 200 : 400, bootstrapped.text);
        const root = acl ? (JSON.parse(bootstrapped.text) as { SecretID: string }).SecretID : "";
        const manage = async <T>(path: string, body?: unknown): Promise<T> => {
          const { status, text } = await ask(path, { method: body === undefined ? "GET" : "PUT", body, token: root });
          assert.equal(status, 200, `${path}: ${status} ${text}`);
          return (text === "" ? undefined : JSON.parse(text)) as T;
        };
        await manage("/v1/namespace", { Name: "team" });
        await eventually(
          "a node",
          async () =>
            (await manage<{ Status: string; NodePool: string }[]>("/v1/nodes")).some(
              (each) => each.Status === "ready" && each.NodePool === pool,
            ),
          60_000,
        );
        let team = "";
        if (acl) {
          const rules = 'namespace "team" { policy = "write" variables { path "*" { capabilities = ["write"] } } }';
          await manage("/v1/acl/policy/team", { Name: "team", Rules: rules });
          team = (await manage<{ SecretID: string }>("/v1/acl/token", { Type: "client", Policies: ["team"] })).SecretID;
        }
        for (const namespace of ["default", "team"]) {
          const token = namespace === "team" ? team : root;
          for (const [path, body] of [
            [
              `/v1/var/nomad/jobs/asks?namespace=${namespace}`,
              { Namespace: namespace, Path: "nomad/jobs/asks", Items: { word: `${namespace}'s` } },
            ],
            ["/v1/jobs", { Job: jobOf(namespace, pool) }],
          ] as const) {
            const { status, text } = await ask(path, { method: "PUT", body, token });
            assert.equal(status, 200, `${path}: ${status} ${text}`);
          }
          const said = await eventually(
            `words of ${namespace}`,
            async () => {
              const { text } = await ask(`/v1/job/asks/allocations?namespace=${namespace}`, { token });
              const [one] = JSON.parse(text) as { ID: string; ClientStatus: string }[];
              if (one?.ClientStatus !== "running") return undefined;
              const logs = await ask(`/v1/client/fs/logs/${one.ID}?task=t&type=stdout&plain=true&namespace=${namespace}`, { token });
              return logs.status === 200 && logs.text.includes("asked") ? logs.text : undefined;
            },
            60_000,
          );
          assert.equal(said, `read ${namespace}'s asked 200\n`);
          const services = await ask(`/v1/service/asks?namespace=${namespace}`, { token });
          assert.equal((JSON.parse(services.text) as unknown[]).length, 1);
        }
        for (const path of ["/v1/jobs?namespace=default", "/v1/nodes", "/v1/node/pool/gpu"]) {
          const found = path.includes("pool") && pool === "default" ? 404 : 200;
          assert.deepEqual([(await ask(path)).status, (await ask(path, { token: team })).status], acl ? [403, 403] : [found, found], path);
        }
      },
    );
  }
}
