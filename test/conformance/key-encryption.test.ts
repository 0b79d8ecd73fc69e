import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { diskKeyEncryption } from "#integrations/host";
import { memoryKeyEncryption } from "#integrations/memory";
import { NamedError } from "#std";
import { keyEncryptionConformance } from "./key-encryption.ts";

function directory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "drover-keystore-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

keyEncryptionConformance("memory", () => ({ encryption: memoryKeyEncryption(), remove: () => undefined }));
keyEncryptionConformance("disk", () => {
  const { path, remove } = directory();
  return { encryption: diskKeyEncryption({ folder: join(path, "server", "keystore") }), remove };
});

test("a wrapping key is on this disk, for nobody else, and opens what was sealed before a restart", async () => {
  const { path, remove } = directory();
  try {
    const folder = join(path, "keystore");
    const sealed = await diskKeyEncryption({ folder }).seal("k1", Buffer.from("secret"));
    assert.deepEqual(readdirSync(folder), ["k1.aead.nks.json"]);
    assert.equal(statSync(join(folder, "k1.aead.nks.json")).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    const again = diskKeyEncryption({ folder });
    assert.equal(Buffer.from(await again.open("k1", sealed)).toString(), "secret");
    await again.forget("k1");
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    remove();
  }
});

test("a wrapping key that is gone or bent is named, with the file to bring back; its content never is", async () => {
  const { path, remove } = directory();
  try {
    const encryption = diskKeyEncryption({ folder: path });
    const file = join(path, "k1.aead.nks.json");
    const sealed = await encryption.seal("k1", Buffer.from("secret"));
    const whole = readFileSync(file, "utf8");
    const key = (JSON.parse(whole) as { KeyEncryptionKey: string }).KeyEncryptionKey;
    for (const bent of ["", "{", "{}", "null", whole.replace(key, key.slice(4))]) {
      writeFileSync(file, bent);
      const damaged = (thrown: unknown) =>
        thrown instanceof NamedError && thrown.code === "KEY_DAMAGED" && !thrown.message.includes(key.slice(4));
      await assert.rejects(encryption.open("k1", sealed), damaged, bent);
    }
    rmSync(file);
    const missing = (thrown: unknown) =>
      thrown instanceof NamedError && thrown.code === "KEY_MISSING" && thrown.fix?.includes(file) === true;
    await assert.rejects(encryption.open("k1", sealed), missing);
  } finally {
    remove();
  }
});

test("an id is no path", async () => {
  const { path, remove } = directory();
  try {
    const encryption = diskKeyEncryption({ folder: join(path, "keystore") });
    writeFileSync(join(path, "other.aead.nks.json"), "{}");
    for (const id of ["../other", "", "a/b", ".", "a\0b"]) {
      await assert.rejects(encryption.seal(id, Buffer.from("x")));
      await assert.rejects(encryption.open(id, "AQ=="));
      await assert.rejects(encryption.forget(id));
    }
    assert.ok(readdirSync(path).includes("other.aead.nks.json"));
  } finally {
    remove();
  }
});
