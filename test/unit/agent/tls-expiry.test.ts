/** What ends within thirty days is told while there is time, also by agents that run on and on. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Clock } from "#ports";
import type { AgentLog } from "../../../src/agent/log.ts";
import { watchExpiry } from "../../../src/agent/tls-expiry.ts";
import type { AgentTls } from "../../../src/agent/tls.ts";
import { openHouse } from "../../live/parts/house.ts";

const DAY_MS = 86_400_000;

test("a certificate's end is told at the start, each day once it is near, and not any more once it is replaced", async () => {
  const folder = mkdtempSync(join(tmpdir(), "drover-expiry-"));
  try {
    const house = openHouse(folder, "house");
    const withDays = (days: number, kind: "link" | "http"): AgentTls => {
      const cert = readFileSync(house.issue(`d${days}`, { dns: ["server.global.nomad"], days }).cert);
      const ca = Buffer.from(house.text);
      const link = { ca, cert, key: Buffer.alloc(0), region: "global", verifyServerHostname: true };
      const http = {
        certificate: cert.toString(),
        key: "",
        clientAuthorities: house.text,
        minVersion: "TLSv1.2",
        ciphers: "",
        handshakeTimeoutMs: 0,
      } as const;
      return kind === "link" ? { link, http: undefined } : { link: undefined, http };
    };
    for (const kind of ["link", "http"] as const) {
      const told: string[] = [];
      const log = { write: (_level: string, _part: string, message: string) => void told.push(message) } as unknown as AgentLog;
      let nowMs = Date.now();
      let next: (() => void) | undefined;
      const clock = {
        nowMs: () => nowMs,
        after(_delayMs: number, task: () => void) {
          next = task;
          return { cancel: () => (next = undefined) };
        },
      } as unknown as Clock;
      const pass = (days: number) => {
        for (let day = 0; day < days; day++) {
          nowMs += DAY_MS;
          next?.();
        }
      };
      const watch = await watchExpiry(withDays(40, kind), { clock, log });
      pass(9);
      assert.deepEqual(told, []);
      pass(3);
      assert.equal(told.length, 3, "once a day");
      assert.match(told[0] ?? "", /cert_file.* expires in 29 days/);
      watch?.renew(withDays(300, kind));
      pass(5);
      assert.equal(told.length, 3);
      watch?.close();
      assert.equal(next, undefined);
    }
    assert.equal(await watchExpiry({ link: undefined, http: undefined }, {} as never), undefined);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
