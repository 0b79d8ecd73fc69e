/** What is hidden from somebody cannot be told from what is not there: neither by the answer nor by how it was come by. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeRules, NO_RULES, NOTHING } from "#access";
import { admit } from "../../../src/api/server/guard/admit.ts";
import type { Call, Context } from "../../../src/api/server/call.ts";

test("a record of another namespace is asked of the others as one that is not there is", async () => {
  const Rules = mergeRules([{ ...NO_RULES, Namespaces: [{ Name: "default", Capabilities: ["read-job"], Variables: [] }] }]);
  const asked = async (id: string) => {
    let reads = 0;
    const snapshot = { allocation: (of: string) => (of === "hidden" ? { Namespace: "other" } : undefined) };
    const context = {
      server: {},
      access: { enabled: true, resolve: async () => ({ ...NOTHING, Subject: "somebody", Rules }) },
      cluster: { state: { snapshot: () => snapshot }, leads: true, read: async () => (reads++, snapshot) },
    } as unknown as Context;
    const call = { method: "GET", namespace: "default", token: "t", parameters: { id } } as unknown as Call;
    const refusal = await admit("allocation", call, context).then(
      () => undefined,
      (error: Error & { code?: string }) => `${error.code} ${error.message}`,
    );
    return { refusal, reads };
  };
  assert.deepEqual(await asked("hidden"), { refusal: "API_NOT_FOUND alloc not found", reads: 1 });
  assert.deepEqual(await asked("absent"), await asked("hidden"));
});
