/** What `service` and `operator root keyring` print, ask for and refuse. nomad.md §4.3, §4.4. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RootKeyAnswer } from "#api/contract";
import type { Command } from "../../../../src/cli/command.ts";
import {
  operatorRootKeyringList,
  operatorRootKeyringRemove,
  operatorRootKeyringRotate,
} from "../../../../src/cli/commands/operator-root-keyring.ts";
import { serviceDelete, serviceInfo, serviceList } from "../../../../src/cli/commands/service.ts";
import { UsageError } from "../../../../src/cli/flags.ts";
import { answered, fakeContext, NOW_MS } from "../fake-context.ts";

interface Ran {
  readonly code: number;
  readonly printed: readonly string[];
  readonly complained: readonly string[];
  readonly asked: readonly (readonly unknown[])[];
}

async function run(command: Command, words: readonly string[], answer: unknown, namespace = ""): Promise<Ran> {
  const asked: unknown[][] = [];
  const answering =
    (method: string) =>
    async (...given: unknown[]) => {
      asked.push([method, ...given]);
      return answered(answer);
    };
  const request = { get: answering("GET"), put: answering("PUT"), delete: answering("DELETE") };
  const { context, printed, complained } = fakeContext({ words, flags: command.flags, api: { request } });
  return { code: await command.run({ ...context, namespace }), printed, complained, asked };
}

const SERVICES = [{ Namespace: "prod", Services: [{ ServiceName: "web", Tags: ["a", "b"] }] }];
const instance = (Address: string) => ({
  ID: "_nomad-x",
  ServiceName: "web",
  JobID: "shop",
  Address,
  Port: 80,
  Tags: ["a", "b"],
  NodeID: "0123456789ab",
  AllocID: "ba9876543210",
});

test("services are listed by name, with their namespace when all are asked for", async () => {
  assert.deepEqual((await run(serviceList, [], SERVICES)).printed, ["Service Name  Tags", "web           [a,b]"]);
  assert.deepEqual((await run(serviceList, [], SERVICES, "*")).printed, [
    "Service Name  Namespace  Tags",
    "web           prod       [a,b]",
  ]);
  assert.deepEqual((await run(serviceList, [], [])).printed, ["No service registrations found"]);
});

test("a service's instances are shown with an address to connect to, ids short unless all is asked for", async () => {
  const { code, printed, asked } = await run(serviceInfo, ["web"], [instance("192.0.2.1"), instance("2001:db8::1")]);
  assert.equal(code, 0);
  assert.deepEqual(printed, [
    "Job ID  Address           Tags   Node ID   Alloc ID",
    "shop    192.0.2.1:80      [a,b]  01234567  ba987654",
    "shop    [2001:db8::1]:80  [a,b]  01234567  ba987654",
  ]);
  assert.deepEqual(asked[0]?.slice(0, 2), ["GET", "/v1/service/web"]);
  assert.match((await run(serviceInfo, ["-verbose", "web"], [instance("192.0.2.1")])).printed[1] ?? "", /0123456789ab {2}ba9876543210$/);
});

test("a service that nobody registered is exit code 1", async () => {
  const { code, complained } = await run(serviceInfo, ["web"], []);
  assert.deepEqual([code, complained], [1, ['No service registrations found for service "web"']]);
});

test("a registration is deleted by name and id, and by both only", async () => {
  const { printed, asked } = await run(serviceDelete, ["web", "_nomad-x"], "");
  assert.deepEqual(
    [printed, asked[0]?.slice(0, 2)],
    [["Successfully deleted service registration"], ["DELETE", "/v1/service/web/_nomad-x"]],
  );
  for (const words of [[], ["web"], ["web", "x", "y"]]) await assert.rejects(run(serviceDelete, words, ""), /two arguments/);
});

const key = (KeyID: string, State: RootKeyAnswer["State"], CreateIndex: number, PublishTime = 0): RootKeyAnswer => ({
  KeyID,
  State,
  Algorithm: "aes256-gcm",
  SigningAlgorithm: "RS256",
  CreateTime: NOW_MS * 1e6,
  PublishTime,
  CreateIndex,
  ModifyIndex: CreateIndex,
});
const KEYS = [key("bbbbbbbb-2", "active", 9), key("aaaaaaaa-1", "inactive", 3), key("aaaaaaaa-3", "prepublished", 11, NOW_MS * 1e6)];

test("root keys are listed as they came", async () => {
  assert.deepEqual((await run(operatorRootKeyringList, [], KEYS)).printed, [
    "Key       State         Create Time           Publish Time",
    "aaaaaaaa  inactive      2026-01-02T03:04:05Z  <none>",
    "bbbbbbbb  active        2026-01-02T03:04:05Z  <none>",
    "aaaaaaaa  prepublished  2026-01-02T03:04:05Z  2026-01-02T03:04:05Z",
  ]);
});

test("a rotation is at once or ahead, and that has to be said", async () => {
  const answer = { Key: KEYS[0] };
  const parameters = async (...words: string[]) => (await run(operatorRootKeyringRotate, words, answer)).asked[0]?.[3];
  assert.deepEqual(await parameters("-now"), { parameters: { full: undefined, publish_time: undefined } });
  assert.deepEqual(await parameters("-prepublish", "1h"), {
    parameters: { full: undefined, publish_time: String((NOW_MS + 3_600_000) * 1_000_000) },
  });
  for (const words of [[], ["-now", "-prepublish", "1h"], ["-prepublish", "0s"], ["-full", "-prepublish", "1h"]])
    await assert.rejects(run(operatorRootKeyringRotate, words, answer), UsageError, words.join(" "));
});

test("a root key is removed by so much of its id as no other begins with", async () => {
  const { asked } = await run(operatorRootKeyringRemove, ["-force", "b"], KEYS);
  assert.deepEqual(asked[1], ["DELETE", "/v1/operator/keyring/key/bbbbbbbb-2", { parameters: { force: true } }]);
  await assert.rejects(run(operatorRootKeyringRemove, ["aaaa"], KEYS), { code: "ID_AMBIGUOUS" });
  await assert.rejects(run(operatorRootKeyringRemove, ["c"], KEYS), { code: "ID_UNKNOWN" });
});
