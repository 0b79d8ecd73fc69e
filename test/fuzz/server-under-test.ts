/** The real program, a server with access control on, and what is measured of it: memory, open files, the state's index, its health. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { eventually, freePort, startRealAgent, type RealAgent } from "../live/real-agent.ts";

export interface ServerUnderTest {
  readonly agent: RealAgent;
  readonly port: number;
  readonly rpcPort: number;
  /** Of the management token. */
  readonly token: string;
  rssMB(): number;
  /** Descriptors that are open, once it has come to rest. */
  files(): number;
  /** Of the state, and its digest as an archive: changes with every entry. */
  state(): Promise<string>;
  healthy(): Promise<void>;
}

export async function startServer(t: TestContext): Promise<ServerUnderTest> {
  const rpcPort = await freePort();
  const config = {
    "10-server.hcl": `server {\n  enabled = true\n  bootstrap_expect = 1\n}\nacl { enabled = true }\nlimits { http_max_conns_per_client = 0\n rpc_max_conns_per_client = 0 }\nports { rpc = ${rpcPort} }\n`,
  };
  const agent = await startRealAgent({ config, ready: false });
  t.after(() => agent.remove());
  const bootstrapped = await eventually(
    "a leader and a token",
    async () => {
      const answer = await agent.request("/v1/acl/bootstrap", { method: "PUT", signal: AbortSignal.timeout(5_000) });
      return answer.status === 200 ? ((await answer.json()) as { SecretID: string }) : undefined;
    },
    60_000,
  ).catch((error: unknown) => assert.fail(`${String(error)}\n${agent.output()}`));
  const token = bootstrapped.SecretID;
  const headers = { "x-nomad-token": token };
  return {
    agent,
    port: agent.port,
    rpcPort,
    token,
    rssMB: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1] ?? 0) / 1024,
    files: () => readdirSync(`/proc/${agent.pid}/fd`).length,
    async state() {
      const answer = await agent.request("/v1/operator/snapshot", { headers });
      await answer.arrayBuffer();
      assert.equal(answer.status, 200);
      return String(answer.headers.get("x-nomad-index"));
    },
    async healthy() {
      const answer = await agent.request("/v1/agent/health", { signal: AbortSignal.timeout(10_000) });
      assert.equal(answer.status, 200, await answer.text());
      const put = await agent.request("/v1/var/fuzz/healthy", {
        method: "PUT",
        headers,
        body: JSON.stringify({ Path: "fuzz/healthy", Items: { a: "b" } }),
      });
      assert.equal(put.status, 200, await put.text());
    },
  };
}
