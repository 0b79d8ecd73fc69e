import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { consulCatalog, consulConnection, consulFingerprint, type ConsulAddress, type ConsulConnection } from "#integrations/consul";
import { describeConsul } from "../../../../integrations/consul/fingerprint.ts";
import { aServiceInstance } from "../../../conformance/catalog.ts";

const OPTIONS: ConsulAddress = {
  address: "",
  token: "the-agents-own",
  auth: "",
  tls: { caFile: "", certFile: "", keyFile: "", verify: true },
  timeoutMs: 2000,
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Something at Consul's place that answers as told, and what it was asked. */
async function stand(
  t: TestContext,
  answer: (response: ServerResponse) => void,
  options: Partial<ConsulAddress> & { readonly socket?: true } = {},
): Promise<{ readonly connection: ConsulConnection; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() });
      answer(response);
    });
  });
  const folder = mkdtempSync(join(tmpdir(), "drover-consul-"));
  const path = join(folder, "consul.sock");
  await new Promise<void>((resolve) => (options.socket === true ? server.listen(path, resolve) : server.listen(0, "127.0.0.1", resolve)));
  const address = options.socket === true ? `unix://${path}` : `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connection = consulConnection({ ...OPTIONS, address, ...options });
  t.after(() => {
    connection.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { connection, seen };
}

const answering =
  (status: number, text = "{}", type = "application/json") =>
  (response: ServerResponse) => {
    response.writeHead(status, { "content-type": type });
    response.end(text);
  };

describe("a connection to Consul", () => {
  for (const socket of [undefined, true] as const) {
    test(`sends the token that is asked for, else its own, and never in the address (${socket === true ? "a socket" : "TCP"})`, async (t) => {
      const { connection, seen } = await stand(t, answering(200), { auth: "user:pass", ...(socket === true ? { socket } : {}) });
      const catalog = consulCatalog({ connection, owner: "node-1" });
      await catalog.register(aServiceInstance("web"), "the-workloads");
      await catalog.deregister("_nomad-x y", "the-workloads");
      await catalog.owned();
      assert.deepEqual(
        seen.map((each) => [each.method, each.headers["x-consul-token"], each.headers.authorization]),
        [
          ["PUT", "the-workloads", "Basic dXNlcjpwYXNz"],
          ["PUT", "the-workloads", "Basic dXNlcjpwYXNz"],
          ["PUT", "the-workloads", "Basic dXNlcjpwYXNz"],
          ["GET", "the-agents-own", "Basic dXNlcjpwYXNz"],
          ["GET", "the-agents-own", "Basic dXNlcjpwYXNz"],
        ],
      );
      assert.equal(seen[0]?.url, "/v1/agent/service/register?replace-existing-checks=true");
      assert.equal(Number(seen[0]?.headers["content-length"]), Buffer.byteLength(seen[0]?.body ?? ""));
      // It has not looked: the service may have a sidecar.
      assert.equal(seen[1]?.url, "/v1/agent/service/deregister/_nomad-x%20y-sidecar-proxy");
      assert.equal(seen[2]?.url, "/v1/agent/service/deregister/_nomad-x%20y");
      assert.ok(seen.every((each) => !/the-workloads|the-agents-own/.test(each.url)));
    });
  }

  test("asks once: nothing is tried again in it", async (t) => {
    const { connection, seen } = await stand(t, answering(500, "No cluster leader", "text/plain"));
    const catalog = consulCatalog({ connection, owner: "node-1" });
    await assert.rejects(catalog.register(aServiceInstance("web"), ""), { code: "CATALOG_UNREACHABLE", message: /No cluster leader/ });
    await assert.rejects(catalog.deregister("x", ""), { code: "CATALOG_UNREACHABLE", message: /No cluster leader/ });
    assert.equal(seen.length, 2);
  });

  test("tells what is not Consul from Consul, and pages of HTML in one short line", async (t) => {
    const page = `<html>\n${"x".repeat(5000)}</html>`;
    const { connection } = await stand(t, answering(200, page, "text/html"));
    await assert.rejects(connection.direct("GET", "/acl/token/self"), (error: Error) => {
      assert.match(error.message, /is not Consul/);
      assert.ok(error.message.length < 700 && !error.message.includes("\n"));
      return true;
    });
    assert.equal(await consulFingerprint(connection).look(), undefined);
  });

  test("an address that is none, and a certificate that is not there, are named before anything is asked", () => {
    for (const address of ["", "ftp://x", "http://", "unix://relative"]) {
      assert.throws(() => consulConnection({ ...OPTIONS, address }), { code: "CONSUL_ADDRESS_INVALID" }, address);
    }
    const tls = { ...OPTIONS.tls, caFile: "/nowhere/ca.pem" };
    assert.throws(() => consulConnection({ ...OPTIONS, address: "https://localhost", tls }), {
      code: "CONSUL_TLS_FILE_UNREADABLE",
      message: /ca_file/,
    });
    for (const key of ["caFile", "certFile", "keyFile"] as const) {
      const none = { ...OPTIONS.tls, [key]: import.meta.filename };
      assert.throws(() => consulConnection({ ...OPTIONS, address: "https://localhost", tls: none }), {
        code: "CONSUL_TLS_FILE_UNREADABLE",
        message: /there is no (certificate|private key) in it/,
      });
    }
  });

  test("a check that warns is told from one that fails; a service in maintenance is sent nobody", async (t) => {
    const shown = (CheckID: string, Status: string) => [CheckID, { CheckID, ServiceID: "_nomad-a", Status, Output: "" }];
    const checks = Object.fromEntries(["passing", "warning", "critical", "maintenance"].map((status) => shown(status, status)));
    const { connection } = await stand(t, (response) =>
      answering(
        200,
        JSON.stringify(response.req.url?.startsWith("/v1/agent/checks") === true ? checks : { a: { ID: "_nomad-a", Service: "web" } }),
      )(response),
    );
    const found = await consulCatalog({ connection, owner: "node-1" }).checks();
    assert.deepEqual(
      [...(found ?? [])].map(([id, { status }]) => `${id} ${status}`),
      ["passing passing", "warning warning", "critical critical", "maintenance critical"],
    );
  });

  test("a password in the address is refused and not repeated: an address is shown", () => {
    assert.throws(
      () => consulConnection({ ...OPTIONS, address: "http://joe:geheim@localhost:8500" }),
      (error: Error & { fix?: string }) => !/geheim/.test(`${error.stack}${error.fix}`) && /auth/.test(error.fix ?? ""),
    );
  });
});

test("a node says of Consul what Consul says of itself, and leaves out the rest", () => {
  assert.deepEqual(describeConsul({}), { attributes: { "consul.ft.namespaces": "false" }, links: {} });
  const { attributes, links } = describeConsul({
    Config: { Datacenter: "dc1", NodeName: "rack-1", Server: false, Version: "1.21.0+ent", Revision: "" },
    DebugConfig: { ConnectEnabled: false, DNSPort: -1 },
    Meta: { "consul-network-segment": "" },
    Stats: { license: { features: "Namespaces, SSO" } },
    xDS: { Ports: { Plaintext: 8502, TLS: -1 } },
  });
  assert.deepEqual(attributes, {
    "consul.server": "false",
    "consul.version": "1.21.0+ent",
    "consul.sku": "ent",
    "consul.datacenter": "dc1",
    "consul.connect": "false",
    "consul.grpc": "8502",
    "consul.dns.port": "-1",
    "consul.ft.namespaces": "true",
    "unique.consul.name": "rack-1",
  });
  assert.deepEqual(links, { consul: "dc1.rack-1" });
});
