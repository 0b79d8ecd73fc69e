/**
 * What a node asks a real OpenBao for a thousand templates over fifty secrets. Each task has a token of its own, proves with it every five minutes
 * that it may read, and renews it; what changed is asked once for all, every 30 s. In Nomad each task reads its own secrets anew before five
 * minutes are over (nomad.md §5.3: vault_default_lease_duration).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { setUpVault } from "#integrations/vault";
import { suiteOwner } from "../live/parts/consul-window.ts";
import { startOpenBao } from "../live/parts/openbao.ts";
import { vaultAt } from "../live/parts/vault-window.ts";
import { startRealAgent } from "../live/real-agent.ts";
import { countingProxy } from "./counting-proxy.ts";
import type { Benchmark } from "./figure.ts";
import { costOf } from "./process-cost.ts";
import { KEYS, manyTemplates, settled, submit, TEMPLATES } from "./template-jobs.ts";

const SETTLE_MS = 5_000;
const WATCH_MS = 60_000;
const NOMAD_LEASE_MINUTES = 5;

export const templatesVault: Benchmark = {
  name: "templates-vault",
  about: `${TEMPLATES} templates over ${KEYS} secrets, on a real OpenBao (2 minutes)`,
  async run() {
    const actions: (() => Promise<void>)[] = [];
    const owner = suiteOwner((remove) => void actions.push(remove));
    try {
      const bao = await startOpenBao({ owner });
      const proxy = await countingProxy(owner, () => bao.port);
      const enabled = "{\n  enabled = true\n}\n";
      const vault = `vault {\n  enabled = true\n  address = "http://127.0.0.1:${proxy.port}"\n  default_identity {\n    aud = ["vault.io"]\n    ttl = "1h"\n  }\n}\n`;
      const agent = await startRealAgent({
        config: { "agent.hcl": `server ${enabled}client ${enabled}plugin "raw_exec" {\n  config ${enabled}}\n${vault}` },
      });
      owner.after(() => agent.remove());
      const jwksUrl = `${agent.address}/.well-known/jwks.json`;
      await setUpVault(vaultAt(bao, owner), { token: bao.token, jwksUrl, jwksCa: "", kvPath: "secret" });
      for (let secret = 0; secret < KEYS; secret++) await bao.put(`/v1/secret/data/default/many/${secret}`, { data: { value: "one" } });

      const started = performance.now();
      const text = (secret: number) => `{{ with secret "secret/default/many/${secret}" }}{{ .Data.data.value }}{{ end }}\n`;
      await submit(agent, manyTemplates("many", text, { Vault: {} }));
      await settled(agent, "many");
      const settledMs = performance.now() - started;
      const first = proxy.requests();
      await sleep(SETTLE_MS);
      const before = proxy.requests();
      const cost = await costOf([agent.pid], WATCH_MS);
      const perMinute = ((proxy.requests() - before) / WATCH_MS) * 60_000;
      const name = `templates: ${TEMPLATES} over ${KEYS} secrets of Vault's`;
      return [
        { bench: `${name}: submit → deployment done`, value: settledMs, unit: "ms", reference: null, goal: "" },
        { bench: `${name}: requests until then, logins included`, value: first, unit: "", reference: null, goal: "" },
        { bench: `${name}: requests at rest`, value: perMinute, unit: "/min", reference: TEMPLATES / NOMAD_LEASE_MINUTES, goal: "" },
        { bench: `${name}: connections`, value: proxy.connections(), unit: "", reference: null, goal: "" },
        { bench: `${name}: CPU of the agent at rest`, value: cost.cpuPercent, unit: "% of a core", reference: null, goal: "≤ 4" },
      ];
    } finally {
      for (const action of actions.reverse()) await action();
    }
  },
};
