import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { hostClientStore } from "#integrations/host";
import type { NodeId } from "#model";
import { testScale } from "../scale.ts";
import { anAllocation } from "../unit/client/stage.ts";
import { clientStoreConformance } from "./client-store.ts";

function directory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "drover-store-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

clientStoreConformance("host", () => {
  const { path, remove } = directory();
  return { open: () => hostClientStore(path), remove };
});

describe("the memory on this host", () => {
  for (const [name, damage] of [
    ["garbage", (file: string) => writeFileSync(file, "this is no database, though it is long enough to look like one ".repeat(100))],
    ["a damaged page", (file: string) => writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, 4096), Buffer.alloc(8192, 7)]))],
  ] as const) {
    test(`that holds ${name} is put aside; the node keeps its name`, () => {
      const { path, remove } = directory();
      try {
        const first = hostClientStore(path);
        first.saveIdentity({ ID: "n" as NodeId, SecretID: "s" });
        for (let index = 0; index < 50; index++) first.saveAllocation(anAllocation((index % 10).toString()));
        first.close();
        damage(join(path, "state.db"));
        const second = hostClientStore(path);
        assert.match(second.lost ?? "", /kept as/);
        assert.deepEqual(second.identity(), { ID: "n", SecretID: "s" });
        assert.deepEqual(second.allocations(), []);
        assert.ok(existsSync(join(path, "state.db.unreadable")));
        second.saveFact("x", 1);
        second.close();
        assert.equal(hostClientStore(path).lost, undefined);
      } finally {
        remove();
      }
    });
  }

  test("nobody else can read it", () => {
    const { path, remove } = directory();
    try {
      const store = hostClientStore(path);
      store.saveIdentity({ ID: "n" as NodeId, SecretID: "s" });
      for (const name of ["state.db", "secret-id", "client-id"]) assert.equal(statSync(join(path, name)).mode & 0o077, 0, name);
      store.close();
    } finally {
      remove();
    }
  });

  test("after kill -9 in a stream of writes everything that returned is there", () => {
    const { path, remove } = directory();
    try {
      const program = `
        import { hostClientStore } from "#integrations/host";
        import { writeSync } from "node:fs";
        const store = hostClientStore(process.argv[1]);
        for (let index = 0; ; index++) {
          store.saveFact("count", index);
          writeSync(1, index + "\\n");
          if (index === Number(process.argv[2])) process.kill(process.pid, "SIGKILL");
        }`;
      for (let round = 0; round < Math.ceil(3 * testScale()); round++) {
        const killed = spawnSync(process.execPath, ["--input-type=module", "-e", program, path, String(100 + round * 37)], {
          cwd: join(import.meta.dirname, "..", ".."),
          encoding: "utf8",
        });
        assert.equal(killed.signal, "SIGKILL", killed.stderr);
        const returned = Number(killed.stdout.trim().split("\n").at(-1));
        const store = hostClientStore(path);
        assert.equal(store.lost, undefined);
        assert.ok((store.fact("count") as number) >= returned);
        store.close();
      }
    } finally {
      remove();
    }
  });
});
