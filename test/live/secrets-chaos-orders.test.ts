/**
 * The agent, Consul and OpenBao started in every order, with a job that needs something of each: it comes to run, nobody helps, and what it
 * waits for is said meanwhile.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testScale } from "../scale.ts";
import { suiteOwner } from "./parts/consul-window.ts";
import { eventually, openSecretsWorld, type SecretsWorld } from "./secrets-chaos-world.ts";

type Part = "agent" | "Consul" | "OpenBao";
const ORDERS: readonly (readonly Part[])[] = [
  ["agent", "Consul", "OpenBao"],
  ["OpenBao", "agent", "Consul"],
  ["Consul", "OpenBao", "agent"],
  ["agent", "OpenBao", "Consul"],
  ["Consul", "agent", "OpenBao"],
  ["OpenBao", "Consul", "agent"],
];

const jobText = (id: string): string => `
job "${id}" {
  group "g" {
    task "t" {
      driver = "raw_exec"
      consul {}
      vault {}
      template {
        destination = "secrets/all"
        data        = <<-EOT
          key={{ key "orders/key" }}
          {{ with secret "secret/default/${id}" }}secret={{ .Data.data.word }}{{ end }}
          {{ with secret "database/creds/app" }}login={{ .Data.username }}:{{ .Data.password }}{{ end }}
          {{ with nomadVar "nomad/jobs/${id}" }}variable={{ .word }}{{ end }}
        EOT
      }
      config {
        command = "/bin/sleep"
        args    = ["100000"]
      }
    }
  }
}`;

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  describe("start orders of agent, Consul and OpenBao", () => {
    const owner = suiteOwner(after);
    let world: SecretsWorld;
    before(async () => {
      world = await openSecretsWorld(owner, { database: true });
      await world.setKey("orders/key", "k");
    });

    for (const [index, order] of ORDERS.slice(0, testScale() >= 10 ? ORDERS.length : 3).entries()) {
      test(`${order.join(", ")}: the job runs by itself, and what it waits for is said meanwhile (F33)`, async (t) => {
        const { agent, consul, bao } = world;
        const id = `order${index}`;
        const base = await world.remains();
        await world.setSecret(id, { word: "s" });
        await agent.terminate();
        await Promise.all([consul.stop(), bao.stop()]);

        const starts: Readonly<Record<Part, () => Promise<void>>> = {
          agent: () => world.restartAgent(),
          Consul: () => consul.restart(),
          OpenBao: () => bao.restart(),
        };
        const missing = new Set<Part>(order);
        const waits: string[] = [];
        for (const part of order) {
          await starts[part]();
          missing.delete(part);
          if (part === "agent") {
            await world.setVariable(`nomad/jobs/${id}`, { word: "v" });
            await world.runText(jobText(id));
          }
          if (!missing.has("agent") && missing.size > 0) {
            const names = [...missing].map((each) => (each === "OpenBao" ? /vault/i : /consul/i));
            const said = await eventually(`what it waits for to be said (${[...missing].join(", ")} missing)`, async () => {
              const words = await world.why(id);
              waits.push(words);
              return names.some((each) => each.test(words)) && words;
            }).catch((error: unknown) => {
              throw new Error(`${String(error)}\n${waits.at(-1) ?? ""}`);
            });
            assert.equal(await world.living(id), undefined, said);
          }
        }
        const sinceMs = performance.now();
        const allocation = await eventually("the job to run", () => world.living(id), 40_000).catch(async (error: unknown) => {
          throw new Error(`${String(error)}\n${await world.why(id)}\n${agent.output().slice(-4000)}`);
        });
        t.diagnostic(
          `ran ${Math.round(performance.now() - sinceMs)} ms after the last of them answered; last said: ${waits.at(-1) ?? "nothing"}`,
        );
        const text = world.file(allocation, "t", "secrets", "all") ?? "";
        assert.match(text, /^key=k\nsecret=s\nlogin=(\S+):(\S+)\nvariable=v\n$/);
        const [, user = "", password = ""] = /login=(\S+?):(\S+)/.exec(text) ?? [];
        assert.deepEqual(await world.database?.query("SELECT 1", { user, password }), ["1"]);
        assert.equal(allocation.TaskStates?.["t"]?.Restarts, 0);

        await world.stop(id);
        await eventually("leases, tokens and logins to be back to what they were", async () => {
          const now = await world.remains();
          assert.deepEqual({ ...now, entities: 0 }, { ...base, entities: 0 });
          return true;
        });
      });
    }
  });
}
