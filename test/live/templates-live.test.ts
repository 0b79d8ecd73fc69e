/**
 * Templates, secrets and variables on the real Consul and the real OpenBao, behaviour by behaviour as Nomad's own end-to-end suites have it
 * (nomad.md §8: consultemplate, vaultsecrets, secret, variables).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { suiteOwner } from "./parts/consul-window.ts";
import { eventually, mountsUnder, processesUnder } from "./real-agent.ts";
import { filesHolding, openSecretsWorld, recorder, toldOf, type Allocation, type SecretsWorld } from "./secrets-chaos-world.ts";

const heredoc = (text: string): string => `<<-EOT\n${text}\n        EOT`;
const template = (destination: string, data: string, more = ""): string => `
      template {
        destination = "${destination}"
        splay       = "0s"
        ${more}
        data        = ${heredoc(data)}
      }`;
const taskText = (name: string, body: string, driver = "raw_exec", args: readonly string[] = ["-c", "sleep 100000"]): string => `
    task "${name}" {
      driver       = "${driver}"
      kill_timeout = "1s"
      ${body}
      config {
        command = "/bin/sh"
        args    = ${JSON.stringify(args).replaceAll("${", "$${")}
      }
    }`;
const jobText = (id: string, tasks: string, group = ""): string => `job "${id}" {\n  group "g" {\n${group}${tasks}\n  }\n}`;

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  describe("templates on real systems", () => {
    const owner = suiteOwner(after);
    let world: SecretsWorld;
    before(async () => {
      world = await openSecretsWorld(owner);
    });

    const running = (id: string): Promise<Allocation> =>
      eventually(`${id} to run`, () => world.living(id), 30_000).catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${await world.why(id)}`);
      });
    const waits = (id: string, words: RegExp): Promise<string> => {
      let last = "";
      return eventually(`${id} to say ${words}`, async () => words.test((last = await world.why(id))) && last).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${last}`);
      });
    };
    const file = (allocation: Allocation, path: string, text: string): Promise<unknown> =>
      eventually(`${path} to say ${JSON.stringify(text)}`, () => {
        const now = world.file(allocation, ...path.split("/"));
        assert.equal(now, text);
        return true;
      });

    test("a missing key blocks the start; a key or a service that changes is rendered again; noop tells nobody, restart restarts", async () => {
      const data = `{{ key "live/a" }}{{ range service "live-service" }} {{ .Address }}:{{ .Port }}{{ end }}`;
      const tasks = ["noop", "restart"].map((mode) =>
        taskText(mode, `consul {}${template("local/out", data, `change_mode = "${mode}"`)}`, "raw_exec", recorder("$NOMAD_TASK_DIR/out")),
      );
      await world.runText(jobText("keys", tasks.join("")));
      await waits("keys", /live\/a/);
      assert.equal(await world.living("keys"), undefined);
      await world.setKey("live/a", "1");
      const allocation = await running("keys");
      await file(allocation, "noop/local/out", "1\n");
      await world.consul.put("/v1/agent/service/register", { Name: "live-service", Address: "10.0.0.1", Port: 81 });
      await file(allocation, "noop/local/out", "1 10.0.0.1:81\n");
      await eventually("the restart", async () => toldOf(world, allocation, "restart").at(-1)?.bytes === "1 10.0.0.1:81\n");
      await world.setKey("live/a", "2");
      await file(allocation, "noop/local/out", "2 10.0.0.1:81\n");
      await eventually("the second restart", async () => (await world.task("keys", "restart")).Restarts === 2);
      assert.deepEqual(
        toldOf(world, allocation, "restart").map(({ by, bytes }) => `${by} ${bytes}`),
        ["start 1\n", "start 1 10.0.0.1:81\n", "start 2 10.0.0.1:81\n"],
      );
      assert.deepEqual([(await world.task("keys", "noop")).Restarts, toldOf(world, allocation, "noop").length], [0, 1]);
      await world.stop("keys", true);
    });

    test("NOMAD_*_DIR stand in places, for raw_exec and exec, also of variables; what escapes is refused", async () => {
      await world.setKey("live/path", "p");
      const body = `consul {}
        ${template("${NOMAD_ALLOC_DIR}/shared-$NAME", 'shared {{ key "live/path" }}')}
        ${template("${NOMAD_SECRETS_DIR}/env", 'FROM_KEY={{ key "live/path" }}', "env = true")}
        ${template("${NOMAD_TASK_DIR}/own", "own")}`;
      const script = [
        "-c",
        'echo "$FROM_KEY" > "$NOMAD_ALLOC_DIR/data/$NOMAD_TASK_NAME"; cat "$NOMAD_ALLOC_DIR/shared-$NOMAD_TASK_NAME" "$NOMAD_TASK_DIR/own" >> "$NOMAD_ALLOC_DIR/data/$NOMAD_TASK_NAME"; sleep 100000',
      ];
      const tasks = ["raw_exec", "exec"].map((driver) => taskText(driver, body.replace("$NAME", driver), driver, script));
      await world.runText(jobText("paths", tasks.join("")));
      const allocation = await running("paths");
      for (const name of ["raw_exec", "exec"]) await file(allocation, `alloc/data/${name}`, "p\nshared p\nown\n");
      await world.stop("paths", true);
      const escaping = [template("../../../escaped", "x"), 'template {\n source = "../../../escaped"\n destination = "local/x"\n}\n'];
      for (const [index, place] of escaping.entries()) {
        const id = `escape${index}`;
        await world
          .runText(
            jobText(
              id,
              taskText("t", place),
              'restart {\n attempts = 0\n mode = "fail"\n}\nreschedule {\n attempts = 0\n unlimited = false\n}\n',
            ),
          )
          .then(
            async () => {
              let last = "";
              const events = await eventually("it to fail", async () => {
                const [one] = await world.allocations(id);
                last = `${one?.ClientStatus} ${one?.TaskStates?.["t"]?.Events.map((each) => each.DisplayMessage).join("\n")}`;
                return one?.ClientStatus === "failed" && last;
              }).catch((error: unknown) => {
                throw new Error(`${place}: ${String(error)}\n${last}`);
              });
              assert.match(events, /escapes/);
            },
            (error: unknown) => assert.match(String(error), /escapes/),
          );
        await world.stop(id, true).catch(() => undefined);
      }
    });

    test("nomadService sees its own namespace alone, and follows when the service is scaled", async () => {
      const made = await world.agent.request("/v1/namespace/elsewhere", { method: "PUT", body: JSON.stringify({ Name: "elsewhere" }) });
      assert.equal(made.status, 200, await made.text());
      const web = (namespace: string, count: number): string => `job "web-${namespace}" {
  namespace = "${namespace}"
  group "g" {
    count = ${count}
    network {
      port "http" {}
    }
    service {
      name     = "web"
      port     = "http"
      provider = "nomad"
    }
    ${taskText("t", "")}
  }
}`;
      await world.runText(web("default", 1));
      await world.runText(web("elsewhere", 2));
      const data = '{{ range nomadService "web" }}{{ .Name }} {{ end }}{{ range nomadServices }}{{ .Name }}={{ len .Tags }} {{ end }}';
      await world.runText(jobText("sees", taskText("t", template("local/out", data, 'change_mode = "noop"'))));
      const allocation = await running("sees");
      await file(allocation, "t/local/out", "web web=0 \n");
      await world.runText(web("default", 3));
      await file(allocation, "t/local/out", "web web web web=0 \n");
      await world.runText(web("default", 1));
      await file(allocation, "t/local/out", "web web=0 \n");
      for (const id of ["sees", "web-default"]) await world.stop(id, true);
      await world.agent.request("/v1/job/web-elsewhere?namespace=elsewhere&purge=true", { method: "DELETE" });
    });

    test("a role that lacks a policy: the job waits and says so until that is mended; then certificates are renewed, the token stays, an unchanged secret tells nobody", async () => {
      const { bao } = world;
      await bao.put("/v1/sys/mounts/pki", { type: "pki", config: { max_lease_ttl: "1h" } });
      await bao.put("/v1/pki/root/generate/internal", { common_name: "root", ttl: "1h" });
      await bao.put("/v1/pki/roles/web", { allowed_domains: "example.org", allow_subdomains: true, max_ttl: "1h" });
      const { data } = await bao.get<{ data: object }>("/v1/auth/jwt-nomad/role/nomad-workloads");
      await bao.put("/v1/auth/jwt-nomad/role/poor", { ...data, token_policies: ["poor"] });
      await bao.put("/v1/sys/policies/acl/poor", { policy: 'path "pki/issue/web" { capabilities = ["update"] }' });
      await world.setSecret("shared", { word: "leaseless" });
      const body = `vault {
        role = "poor"
      }
      ${template("secrets/word", '{{ with secret "secret/default/shared" }}{{ .Data.data.word }}{{ end }}', 'change_mode = "restart"')}
      ${template("secrets/cert", '{{ with pkiCert "pki/issue/web" "common_name=a.example.org" "ttl=12s" }}{{ .Cert }}{{ end }}', 'change_mode = "noop"')}`;
      await world.runText(jobText("poor", taskText("t", body)));
      const said = await waits("poor", /secret\/(data\/)?default\/shared[^]*permission denied/);
      assert.match(said, /poor/);
      const [pending] = await world.allocations("poor");
      assert.equal(pending?.ClientStatus, "pending");
      await eventually("its events to say what is missing", async () => {
        const [one] = await world.allocations("poor");
        return one?.TaskStates?.["t"]?.Events.some((each) =>
          /Missing: vault\.read\(secret\/(data\/)?default\/shared\)/.test(each.DisplayMessage),
        );
      });
      await bao.put("/v1/sys/policies/acl/poor", {
        policy: 'path "pki/issue/web" { capabilities = ["update"] }\npath "secret/data/default/shared" { capabilities = ["read"] }',
      });
      const allocation = await running("poor");
      const token = world.file(allocation, "t", "secrets", "vault_token");
      const first = world.file(allocation, "t", "secrets", "cert") ?? "";
      assert.match(first, /BEGIN CERTIFICATE/);
      await eventually("another certificate", () => world.file(allocation, "t", "secrets", "cert") !== first, 20_000);
      assert.equal(world.file(allocation, "t", "secrets", "vault_token"), token);
      assert.equal((await world.task("poor", "t")).Restarts, 0);
      await world.stop("poor", true);
    });

    test("variables and secret blocks: what is missing is waited for, what is there stands in variables and files", async () => {
      const body = `vault {}
      secret "v" {
        provider = "vault"
        path     = "secret/default/blocks"
        config {
          engine = "kv_v2"
        }
      }
      secret "n" {
        provider = "nomad"
        path     = "nomad/jobs/blocks"
      }
      env {
        FROM_VAULT    = "\${secret.v.word}"
        FROM_VARIABLE = "\${secret.n.word}"
      }
      ${template("local/out", '{{ with nomadVar "nomad/jobs/blocks" }}{{ .word }}{{ end }}', 'change_mode = "noop"')}`;
      const script = ["-c", 'echo "$FROM_VAULT $FROM_VARIABLE" > "$NOMAD_ALLOC_DIR/data/seen"; sleep 100000'];
      await world.runText(jobText("blocks", taskText("t", body, "raw_exec", script)));
      await waits("blocks", /blocks/);
      await world.setSecret("blocks", { word: "s" });
      await world.setVariable("nomad/jobs/blocks", { word: "v" });
      const allocation = await running("blocks");
      await file(allocation, "alloc/data/seen", "s v\n");
      await file(allocation, "t/local/out", "v\n");
      await world.setVariable("nomad/jobs/blocks", { word: "w" });
      await file(allocation, "t/local/out", "w\n");
      await world.stop("blocks", true);
    });

    test("secrets lie in memory alone: written anew after the machine's restart, gone with the task, mount and all (F43)", async () => {
      const { agent } = world;
      const values = [`kept-${randomUUID()}`, `sealed-${randomUUID()}`] as const;
      await world.setSecret("memory", { word: values[0] });
      await world.setVariable("nomad/jobs/memory", { word: values[1] });
      const data =
        '{{ with secret "secret/default/memory" }}{{ .Data.data.word }}{{ end }}{{ with nomadVar "nomad/jobs/memory" }}{{ .word }}{{ end }}';
      await world.runText(jobText("memory", taskText("t", `vault {}${template("secrets/all", data)}`), 'restart {\n delay = "1s"\n}\n'));
      const first = await running("memory");
      const secretsOf = (allocation: Allocation): string => `${world.directory(allocation)}/t/secrets`;
      const isMounted = (allocation: Allocation): boolean => mountsUnder(agent.dataDirectory).includes(secretsOf(allocation));
      const token = world.file(first, "t", "secrets", "vault_token") ?? "";
      assert.ok(token !== "" && isMounted(first));
      const onDisk = (): readonly string[] =>
        filesHolding(agent.dataDirectory, [...values, token]).filter(
          (path) => !mountsUnder(agent.dataDirectory).some((mount) => path.startsWith(mount)),
        );
      assert.deepEqual(onDisk(), []);

      // As after a power failure: no agent, no task, nothing in memory.
      await agent.kill();
      for (const { pid } of processesUnder(agent.dataDirectory)) process.kill(pid, "SIGKILL");
      for (const mount of mountsUnder(agent.dataDirectory).toReversed()) spawnSync("umount", ["-l", mount], { stdio: "ignore" });
      assert.deepEqual(mountsUnder(agent.dataDirectory), []);
      assert.equal(world.file(first, "t", "secrets", "all"), undefined);
      await world.restartAgent();
      const again = await eventually("the task to run again, its secrets in memory", async () => {
        const one = await world.living("memory");
        return (
          one?.TaskStates?.["t"]?.State === "running" &&
          isMounted(one) &&
          world.file(one, "t", "secrets", "all") === `${values.join("")}\n` &&
          one
        );
      });
      assert.deepEqual(onDisk(), []);

      await world.stop("memory", true);
      await eventually("its secrets to be gone", () => world.file(again, "t", "secrets", "all") === undefined && !isMounted(again));
      await agent.request("/v1/system/gc", { method: "PUT" });
      await eventually("nothing of it to be left", () => {
        assert.deepEqual([mountsUnder(world.directory(again)), filesHolding(agent.dataDirectory, [...values, token])], [[], []]);
        return true;
      });
    });
  });
}
