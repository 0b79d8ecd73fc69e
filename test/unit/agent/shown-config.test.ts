/** What GET /v1/agent/self shows: by the names Nomad's clients look for, and nothing that is secret. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shownConfig } from "../../../src/agent/shown-config.ts";
import { loadConfig, parseAgentFlags } from "../../../src/agent/config/mod.ts";
import { memoryDisk } from "./config/memory-disk.ts";

const load = (text: string) =>
  loadConfig({
    flags: parseAgentFlags(["-config", "/a.hcl"]),
    disk: memoryDisk({ "/a.hcl": `data_dir = "/opt/d"\n${text}` }),
    workingDirectory: "/",
    hostName: "host",
    networkAddresses: [],
    temporaryDirectory: () => "",
  });

test("The configuration in force is shown by Nomad's names, as Go's types read it", () => {
  const shown = shownConfig(
    load(`name = "s1"
      server { enabled = true
        bootstrap_expect = 1
        heartbeat_grace = "20s" }
      client { enabled = true
        node_class = "big"
        meta { rack = "r1" } }
      acl { enabled = true }
      leave_on_terminate = true`),
  ) as Record<string, Record<string, unknown>>;
  assert.deepEqual([shown["NodeName"], shown["Region"], shown["LeaveOnTerm"]], ["s1", "global", true]);
  assert.deepEqual([shown["Server"]?.["Enabled"], shown["Server"]?.["HeartbeatGrace"]], [true, 20_000_000_000]);
  assert.partialDeepStrictEqual(shown["Client"], { NodeClass: "big", Meta: { rack: "r1" } });
  assert.deepEqual([shown["ACL"]?.["Enabled"], shown["ACL"]?.["TokenTTL"]], [true, 30_000_000_000]);
  assert.deepEqual([shown["TLSConfig"]?.["EnableRPC"], shown["Ports"]?.["HTTP"]], [false, 4646]);
});

test("No key or token of the configuration is in what is shown", () => {
  const config = load(
    `server { enabled = true\n bootstrap_expect = 1\n encrypt = "1ECHoXN/J3ohlWufRf9cV1p81QW93nbgFWKJFAr7LjI=" }
      consul { token = "s3cret"\n auth = "u:s3cret" }
      keyring "awskms" { access_key = "s3cret"\n secret_key = "s3cret" }
      keyring "gcpckms" { credentials = "s3cret" }`,
  );
  assert.doesNotMatch(JSON.stringify(shownConfig(config)), /s3cret|1ECHoXN/);
});
