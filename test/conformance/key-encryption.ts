/** What every KeyEncryption promises, whichever maker: a suite to run over each. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { KeyEncryption } from "#ports";
import { NamedError } from "#std";

export interface KeyEncryptionUnderTest {
  readonly encryption: KeyEncryption;
  remove(): void;
}

const ID = "1b7f5f6e-0a4e-4a53-9a0e-6f3c1b1f9d11";
const OTHER = "2c7f5f6e-0a4e-4a53-9a0e-6f3c1b1f9d22";
const isCode = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;

export function keyEncryptionConformance(maker: string, make: () => KeyEncryptionUnderTest): void {
  const named = (name: string, play: (encryption: KeyEncryption) => Promise<void>) =>
    test(`${maker} key encryption: ${name}`, async () => {
      const { encryption, remove } = make();
      try {
        await play(encryption);
      } finally {
        remove();
      }
    });

  named("what is sealed is opened again, whatever its size, and does not show", async (encryption) => {
    for (const plain of [Buffer.alloc(0), Buffer.from("a secret that stands out"), randomBytes(5_000)]) {
      const sealed = await encryption.seal(ID, plain);
      assert.match(sealed, /^[A-Za-z0-9+/]+=*$/);
      if (plain.length > 0) assert.ok(!Buffer.from(sealed, "base64").includes(plain.subarray(0, 16)));
      assert.deepEqual(Buffer.from(await encryption.open(ID, sealed)), plain);
    }
  });

  named("a key not known here is missing", async (encryption) => {
    const sealed = await encryption.seal(ID, Buffer.from("x"));
    await assert.rejects(encryption.open(OTHER, sealed), isCode("KEY_MISSING"));
  });

  named("what is not whole, or was sealed for another key, is damaged: nothing of it comes out", async (encryption) => {
    const sealed = await encryption.seal(ID, Buffer.from("a secret"));
    const foreign = await encryption.seal(OTHER, Buffer.from("another"));
    await assert.rejects(encryption.open(ID, foreign), isCode("KEY_DAMAGED"));
    const bytes = Buffer.from(sealed, "base64");
    for (let at = 0; at < bytes.length; at += 3) {
      const bent = Buffer.from(bytes);
      bent[at] = (bent[at] as number) ^ 1;
      await assert.rejects(encryption.open(ID, bent.toString("base64")), isCode("KEY_DAMAGED"), `byte ${at}`);
    }
    for (const cut of ["", "AQ==", bytes.subarray(0, 20).toString("base64"), bytes.subarray(0, -1).toString("base64")]) {
      await assert.rejects(encryption.open(ID, cut), isCode("KEY_DAMAGED"));
    }
  });

  named("what is forgotten is missing; forgetting twice is fine", async (encryption) => {
    const sealed = await encryption.seal(ID, Buffer.from("x"));
    await encryption.forget(ID);
    await encryption.forget(ID);
    await assert.rejects(encryption.open(ID, sealed), isCode("KEY_MISSING"));
  });

  test(`${maker} key encryption: what opens a key here opens it on another server that adopted it, once and for all`, async () => {
    const [one, two] = [make(), make()];
    try {
      const sealed = await one.encryption.seal(ID, Buffer.from("a secret"));
      assert.equal(await two.encryption.wrapping(ID), null);
      const wrapping = await one.encryption.wrapping(ID);
      assert.ok(wrapping !== null);
      await two.encryption.adopt(ID, wrapping);
      assert.equal(Buffer.from(await two.encryption.open(ID, sealed)).toString(), "a secret");
      // What is there stays: nobody can put another in its place.
      await two.encryption.adopt(ID, randomBytes(wrapping.length));
      assert.equal(Buffer.from(await two.encryption.open(ID, sealed)).toString(), "a secret");
      await assert.rejects(two.encryption.adopt(OTHER, Buffer.alloc(3)), isCode("KEY_DAMAGED"));
      assert.equal(await two.encryption.wrapping(OTHER), null);
      await two.encryption.forget(ID);
      assert.equal(await two.encryption.wrapping(ID), null);
    } finally {
      one.remove();
      two.remove();
    }
  });
}
