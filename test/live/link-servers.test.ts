/** Servers' ends in processes of their own: one is killed, one is stopped; a node and another server do not wait long for either. */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually } from "../eventually.ts";
import { linkTo, NODE, nodeEnd } from "../unit/integrations/link/parts.ts";
import { peersOf } from "../unit/integrations/link/servers.ts";

const children: ChildProcess[] = [];
const addresses: string[] = [];

before(async () => {
  for (let at = 0; at < 3; at++) {
    const child = fork(join(import.meta.dirname, "..", "benchmark", "link-server-child.ts"), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    children.push(child);
    const [{ address }] = (await once(child, "message")) as [{ address: string }];
    addresses.push(address);
  }
});
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

test("a node is with another server soon after its own was killed, and after its own was stopped", { timeout: 60_000 }, async () => {
  const link = linkTo(addresses);
  let lost = Promise.withResolvers<string>();
  const connect = async () => {
    const connection = await link.connect(NODE, nodeEnd(), (reason) => lost.resolve(reason));
    await connection.heartbeat();
    return { connection, at: addresses.indexOf(link.known()[0] as string) };
  };
  const first = await connect();
  let startedMs = performance.now();
  children[first.at]?.kill("SIGKILL");
  await lost.promise;
  lost = Promise.withResolvers();
  const second = await connect();
  assert.notEqual(second.at, first.at);
  assert.ok(performance.now() - startedMs < 2_000, `it took ${Math.round(performance.now() - startedMs)} ms after a kill`);

  // Between servers that is noticed sooner: it stands in the way of every write.
  const peers = peersOf();
  const peer = peers.at(addresses[second.at] as string);
  assert.equal((await peer.propose(new Uint8Array(5), "r")).index, 5);
  startedMs = performance.now();
  children[second.at]?.kill("SIGSTOP");
  await assert.rejects(peer.propose(new Uint8Array(5), "s"), { code: "PEER_UNREACHABLE" });
  assert.ok(performance.now() - startedMs < 3_500, `a server noticed after ${Math.round(performance.now() - startedMs)} ms`);
  peers.close();

  await lost.promise;
  const noticedMs = performance.now() - startedMs;
  assert.ok(noticedMs < 11_000, `the node noticed after ${Math.round(noticedMs)} ms`);
  const third = await eventually("a third server takes it", () => connect().catch(() => undefined));
  assert.ok(third.at !== first.at && third.at !== second.at);
  assert.ok(performance.now() - startedMs < noticedMs + 2_500);
  third.connection.close();
});
