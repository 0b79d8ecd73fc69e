/** `var lock` interrupted at its worst moments: no child is started that nobody could end, no lock is left held. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ApiError } from "#api/client";
import { DISPLAY_FLAGS } from "../../../../src/cli/command.ts";
import { varLock } from "../../../../src/cli/commands/var-lock.ts";
import { answered, fakeContext } from "../fake-context.ts";

const locked = { Path: "app", Lock: { ID: "lock-1", TTL: "15s", LockDelay: "15s" } };

async function playing(acquire: (interrupt: () => void) => Promise<unknown>, child: (directory: string) => string) {
  const directory = mkdtempSync(join(tmpdir(), "drover-var-lock-"));
  const interruption = new AbortController();
  const released: unknown[] = [];
  const variables = {
    acquireLock: () => acquire(() => interruption.abort()),
    renewLock: async () => answered({}),
    releaseLock: async (body: { readonly Lock: unknown }) => (released.push(body.Lock), answered({})),
  };
  const { context } = fakeContext({ words: ["app", child(directory)], flags: { ...DISPLAY_FLAGS, ...varLock.flags }, api: { variables } });
  try {
    const code = await varLock.run({ ...context, environment: { SHELL: "/bin/sh" }, interrupted: interruption.signal });
    return { code, released, started: existsSync(join(directory, "started")) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
const touch = (directory: string) => `touch ${directory}/started`;

test("interrupted while the lock is asked for, it is given back and the child never starts", async () => {
  const found = await playing(async (interrupt) => {
    interrupt();
    return answered(locked);
  }, touch);
  assert.deepEqual(found, { code: 1, released: [{ ID: "lock-1" }], started: false });
});

test("interrupted while another holds the lock, it waits no longer", async () => {
  const found = await playing(async (interrupt) => {
    interrupt();
    throw new ApiError(409, "held");
  }, touch);
  assert.deepEqual(found, { code: 1, released: [], started: false });
});

test("a child that ends gives the lock back, and its exit code is the command's", async () => {
  assert.deepEqual(
    await playing(
      async () => answered(locked),
      (directory) => `touch ${directory}/started; exit 3`,
    ),
    {
      code: 3,
      released: [{ ID: "lock-1" }],
      started: true,
    },
  );
});
