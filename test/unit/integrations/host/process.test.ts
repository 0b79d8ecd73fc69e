import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bootId, identify, isRunning, parseProcessStat, signalProcess } from "../../../../integrations/host/process/identity.ts";
import { idOf, nameOf, ownerLabel } from "../../../../integrations/host/process/label.ts";
import { signalName } from "../../../../integrations/host/process/signals.ts";
import { findUser } from "../../../../integrations/host/process/user.ts";

test("a process whose name looks like the end of its own field is read right", () => {
  const line = "42 (a) S 1) Z 7 42 43 0 -1 4194304 1 0 0 0 5 6 0 0 20 0 1 0 98765 1000 33 1 1\n";
  const stat = parseProcessStat(line);
  assert.deepEqual(
    [
      stat?.pid,
      stat?.state,
      stat?.parent,
      stat?.group,
      stat?.session,
      stat?.userTicks,
      stat?.systemTicks,
      stat?.startTicks,
      stat?.residentPages,
    ],
    [42, "Z", 7, 42, 43, 5, 6, "98765", 33],
  );
  assert.equal(parseProcessStat("nonsense"), undefined);
});

test("a pid that was used again is not the process we know", () => {
  const self = identify(process.pid);
  assert.ok(self !== undefined && isRunning(self));
  assert.equal(isRunning({ ...self, startTicks: "1" }), false);
  assert.equal(isRunning({ ...self, bootId: "another boot" }), false);
  assert.equal(signalProcess({ ...self, startTicks: "1" }, "SIGKILL"), false, "and is not harmed");
  assert.equal(self.bootId, bootId());
});

test("names of any id are fit for files, cgroups and runc, and lead back", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed()),
      (id) => {
        assert.match(nameOf(id), /^[A-Za-z0-9._+-]*$/);
        assert.equal(idOf(nameOf(id)), id);
      },
    ),
  );
  assert.notEqual(ownerLabel("/a"), ownerLabel("/b"));
  assert.equal(ownerLabel("/a/../a"), ownerLabel("/a"));
});

test("signals are named with and without SIG, or by number", () => {
  assert.deepEqual(["SIGINT", "int", "15"].map(signalName), ["SIGINT", "SIGINT", "SIGTERM"]);
  assert.throws(() => signalName("SIGNOPE"), { code: "DRIVER_SIGNAL_UNKNOWN" });
});

test("users are found by name, number and group; unknown ones are refused", async () => {
  assert.deepEqual(await findUser("root"), { uid: 0, gid: 0, name: "root" });
  assert.deepEqual(await findUser("0"), { uid: 0, gid: 0, name: "root" });
  assert.deepEqual(await findUser("54321:12345"), { uid: 54321, gid: 12345, name: "" });
  await assert.rejects(findUser("no-such-user"), { code: "DRIVER_TASK_INVALID" });
  await assert.rejects(findUser("--help"), { code: "DRIVER_TASK_INVALID" });
});
