/** Services that speak the mesh's TLS themselves: told where Consul is and who they are, called by sidecars and calling them, over the exchange of certificates. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { answers, ask } from "./parts/ask.ts";
import { jobOf, meshJob, upstreamTo } from "./parts/mesh-jobs.ts";
import { startMeshWorld } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };
const APP = join(import.meta.dirname, "parts", "native-app.ts");

const ledger = jobOf(
  "ledger",
  `group "ledger" {
    network {
      mode = "bridge"
      port "mesh" {
        to = 9000
      }
      port "plain" {
        to = 9001
      }
    }
    service {
      name     = "ledger"
      port     = "mesh"
      provider = "consul"
      task     = "ledger"
      connect {
        native = true
      }
    }
    task "ledger" {
      driver = "raw_exec"
      config {
        command = "${process.execPath}"
        args    = ["${APP}", "ledger", "0.0.0.0", "9000", "api"]
      }
      resources {
        cpu    = 50
        memory = 128
      }
    }
  }`,
);

test(
  "a native service is called by a sidecar and calls one, as intentions allow, and goes on through new certificates and a new authority",
  LIVE,
  async (t) => {
    const world = await startMeshWorld(t, { acl: true });
    const { consul } = world;
    const authority = async (more: object): Promise<void> => {
      const { Provider, Config } = await consul.get<{ Provider: string; Config: object }>("/v1/connect/ca/configuration");
      await consul.put("/v1/connect/ca/configuration", { Provider, Config: { ...Config, ...more } });
    };
    // Consul dates them a minute back and gives the next after six to nine tenths of their life: 12 to 48 seconds from now.
    await authority({ LeafCertTTL: "120s", SkipValidate: true });
    await world.intend("web", "ledger", "allow");
    await world.intend("ledger", "api", "allow");
    await world.submit(ledger);
    await world.submit(
      meshJob("shop", [{ name: "api" }, { name: "web", open: true, upstream: "http://127.0.0.1:9009", proxy: upstreamTo("ledger", 9009) }]),
    );
    const [one] = await world.running("ledger");
    const web = (await world.running("shop", 2)).find(({ TaskGroup }) => TaskGroup === "web");
    assert.ok(one && web);
    const [plain, http] = [await world.address(one, "plain"), await world.address(web, "http")];
    await answers(world, "web <- ledger", http, "/upstream");
    await answers(world, "ledger <- api", plain, "/called");

    const inFiles = () =>
      eventually("the certificate in its files to be the one it has", async () => {
        const [own, files] = [(await ask(plain, "/serial")).text.split(" ")[0], await ask(plain, "/files")];
        if (files.status !== 200 || files.text !== own) throw new Error(`${own}, and ${files.status} ${files.text}`);
        return true;
      });
    await inFiles();
    const certificates = async (): Promise<number> => Number((await ask(plain, "/serial")).text.split(" ")[1]);
    await eventually("another certificate", async () => (await certificates()) >= 2, 60_000);
    await inFiles();
    await answers(world, "web <- ledger", http, "/upstream");
    await answers(world, "ledger <- api", plain, "/called");

    // A new root: every certificate is made anew, and the two sides meet under it.
    const { ActiveRootID: before } = await consul.get<{ ActiveRootID: string }>("/v1/connect/ca/roots");
    const had = await certificates();
    await authority({ PrivateKeyType: "ec", PrivateKeyBits: 384, LeafCertTTL: "72h" });
    await eventually(
      "a new root",
      async () => (await consul.get<{ ActiveRootID: string }>("/v1/connect/ca/roots")).ActiveRootID !== before,
    );
    await eventually("a certificate of it", async () => (await certificates()) > had, 30_000);
    await inFiles();
    await answers(world, "web <- ledger", http, "/upstream");
    await answers(world, "ledger <- api", plain, "/called");

    await world.intend("web", "ledger", "deny");
    await eventually("the intention to cut", async () => (await ask(http, "/upstream")).status === 502);
    await world.intend("web", "ledger", "allow");
    await answers(world, "web <- ledger", http, "/upstream");
  },
);
