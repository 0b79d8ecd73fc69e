import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { consulMesh, type ConsulConnection } from "#integrations/consul";
import { NamedError } from "#std";

const SELF = { Config: { Datacenter: "dc1", NodeName: "n" }, xDS: { Ports: { Plaintext: 8502, TLS: -1 } } };
const FILES = { grpcAddress: "", grpcCaFile: "", caFile: "" };

function connectionTo(address: string): ConsulConnection & { asked: number } {
  const connection = {
    address,
    asked: 0,
    direct: () => {
      connection.asked++;
      return Promise.resolve(SELF);
    },
  };
  return connection as never;
}

test("those who ask at one moment where proxies get their configuration share an answer", async () => {
  const connection = connectionTo("http://127.0.0.1:8500");
  const mesh = consulMesh({ connection, ...FILES });
  const found = await Promise.all(Array.from({ length: 50 }, () => mesh.endpoint()));
  assert.deepEqual([connection.asked, new Set(found.map((each) => each?.port))], [1, new Set([8502])]);
});

test("tasks are given what Consul's TLS needs as it is now, where it speaks it and its operator shares it", () => {
  const directory = mkdtempSync(join(tmpdir(), "mesh-"));
  try {
    const shared = { caFile: join(directory, "ca.pem"), certFile: "", keyFile: join(directory, "key.pem"), verify: false };
    const of = (address: string, more: object = { shared }) => consulMesh({ connection: connectionTo(address), ...FILES, ...more });
    assert.equal(of("http://127.0.0.1:8500").httpTls(), undefined);
    assert.equal(of("https://127.0.0.1:8501", {}).httpTls(), undefined);
    const missing = (thrown: unknown): boolean =>
      thrown instanceof NamedError && thrown.code === "MESH_REFUSED" && /ca_file/.test(thrown.fix ?? "");
    assert.throws(() => of("https://127.0.0.1:8501").httpTls(), missing);
    writeFileSync(shared.caFile, "CA");
    writeFileSync(shared.keyFile, "KEY");
    assert.deepEqual(of("https://127.0.0.1:8501").httpTls(), { ca: "CA", certificate: "", key: "KEY", verify: false });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
