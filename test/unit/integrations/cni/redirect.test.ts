import assert from "node:assert/strict";
import { test } from "node:test";
import { dnsOf, hostsText, readResolvConf, resolvConfText } from "../../../../integrations/cni/host-files.ts";
import { redirectText, redirectWhole } from "../../../../integrations/cni/redirect.ts";
import { readRules } from "../../../../integrations/cni/rules.ts";
import { lanes, turnsByName } from "../../../../integrations/cni/turns.ts";

const REDIRECT = {
  proxyUserId: 101,
  outboundPort: 15_001,
  inboundPort: 20_000,
  excludeInboundPorts: [8081],
  excludeOutboundPorts: [5432],
  excludeOutboundCidrs: ["10.0.0.0/8", "fd00::/8"],
  excludeUserIds: [0, 101],
};

test("who is excluded is let go before the rest is sent to the proxy", () => {
  assert.deepEqual(redirectText(readRules(""), REDIRECT, 4, ["172.26.64.1", "fd00::53"]).split("\n"), [
    "*nat",
    ":DROVER-PROXY-OUT - [0:0]",
    ":DROVER-PROXY-IN - [0:0]",
    "-A DROVER-PROXY-OUT -m owner --uid-owner 101 -j RETURN",
    "-A DROVER-PROXY-OUT -m owner --uid-owner 0 -j RETURN",
    "-A DROVER-PROXY-OUT -d 127.0.0.0/8 -j RETURN",
    "-A DROVER-PROXY-OUT -d 172.26.64.1 -p tcp --dport 53 -j RETURN",
    "-A DROVER-PROXY-OUT -p tcp --dport 5432 -j RETURN",
    "-A DROVER-PROXY-OUT -d 10.0.0.0/8 -j RETURN",
    "-A DROVER-PROXY-OUT -p tcp -j REDIRECT --to-ports 15001",
    "-A DROVER-PROXY-IN -p tcp --dport 8081 -j RETURN",
    "-A DROVER-PROXY-IN -p tcp -j REDIRECT --to-ports 20000",
    "-A OUTPUT -p tcp -j DROVER-PROXY-OUT",
    "-A PREROUTING -p tcp -j DROVER-PROXY-IN",
    "COMMIT",
    "",
  ]);
  const six = redirectText(readRules(""), REDIRECT, 6, ["172.26.64.1", "fd00::53"]);
  assert.match(six, /-d fd00::53 -p tcp --dport 53/);
  assert.match(six, /-d fd00::\/8/);
  assert.doesNotMatch(six, /10\.0\.0\.0|127\.0/);
});

test("what is no address or range becomes no rule, whatever a name stood for", () => {
  const bad = ["", "10.0.0.0/8\n-A OUTPUT -j ACCEPT", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/9", "db.example -j ACCEPT", "${meta.range}"];
  const written = redirectText(readRules(""), { ...REDIRECT, excludeOutboundCidrs: [...bad, "192.0.2.7"] }, 4, bad);
  assert.equal(written, redirectText(readRules(""), { ...REDIRECT, excludeOutboundCidrs: ["192.0.2.7"] }, 4, []));
  assert.match(written, /-d 192\.0\.2\.7 -j RETURN/);
});

test("written again, the jumps are not doubled; a changed port is seen", () => {
  const there = readRules(redirectText(readRules(""), REDIRECT, 4, []));
  assert.doesNotMatch(redirectText(there, REDIRECT, 4, []), /-A OUTPUT|-A PREROUTING/);
  assert.equal(redirectWhole(there, REDIRECT), true);
  assert.equal(redirectWhole(there, { ...REDIRECT, inboundPort: 20_001 }), false);
  assert.equal(redirectWhole(readRules(""), REDIRECT), false);
});

test("hosts names the allocation by its addresses, or by a loopback one when it has none", () => {
  assert.match(hostsText("web", ["172.26.64.9", "fd00::9"]), /\n172\.26\.64\.9 web\nfd00::9 web\n$/);
  assert.match(hostsText("web", ["", ""]), /\n127\.0\.1\.1 web\n$/);
});

test("servers are the job's, else the network's, else the node's; loopback ones are of no use inside", () => {
  const job = { Servers: [], Searches: ["job.example"], Options: [] };
  const network = { Servers: ["192.0.2.7"], Searches: ["network.example"], Options: [] };
  const host = readResolvConf("# x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch a b\noptions edns0 trust-ad\n");
  assert.deepEqual(host, { Servers: ["192.0.2.1"], Searches: ["a", "b"], Options: ["edns0", "trust-ad"] });
  const dns = dnsOf(job, network, null, host);
  assert.deepEqual(dns, { Servers: ["192.0.2.7"], Searches: ["job.example"], Options: ["edns0", "trust-ad"] });
  assert.match(resolvConfText(dns), /\nnameserver 192\.0\.2\.7\nsearch job\.example\noptions edns0 trust-ad\n$/);
});

test("one at a time for each name, in the order of coming; so many altogether", async () => {
  const turns = turnsByName();
  const narrow = lanes(2);
  const said: string[] = [];
  let inside = 0;
  let most = 0;
  const work =
    (word: string, fails = false) =>
    async () => {
      said.push(`${word} in`);
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
      said.push(`${word} out`);
      if (fails) throw new Error(word);
    };
  const results = await Promise.allSettled([turns.take("a", work("1", true)), turns.take("a", work("2"))]);
  assert.deepEqual(said, ["1 in", "1 out", "2 in", "2 out"]);
  assert.deepEqual(
    results.map((one) => one.status),
    ["rejected", "fulfilled"],
  );
  most = 0;
  await Promise.allSettled(Array.from({ length: 9 }, (_, index) => narrow.enter(work(String(index), index % 3 === 0))));
  assert.equal(most, 2);
});
