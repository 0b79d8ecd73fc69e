/** What every maker of Tunnels promises: a suite to run over each. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Tunnels, TunnelTarget } from "#ports";
import { NamedError } from "#std";
import { eventually } from "../eventually.ts";

interface Play {
  readonly directory: string;
  readonly tunnels: Tunnels;
  /** Serves every connection; gone at the end. */
  serve(each: (socket: Socket) => void): Promise<TunnelTarget & { readonly host: string; readonly port: number }>;
  connect(path: string): Promise<Socket>;
}

export function tunnelsConformance(maker: string, make: () => Tunnels): void {
  const named = (name: string, play: (parts: Play) => Promise<void>) =>
    test(`${maker} tunnels: ${name}`, async () => {
      const directory = mkdtempSync(join(tmpdir(), "tunnels-"));
      const endings: (() => void)[] = [];
      const tunnels = make();
      try {
        await play({
          directory,
          tunnels: {
            open: async (...request) => {
              const tunnel = await tunnels.open(...request);
              endings.push(() => void tunnel.close());
              return tunnel;
            },
          },
          serve: async (each) => {
            const server = createServer({ allowHalfOpen: true }, (socket) => {
              socket.on("error", () => undefined);
              endings.push(() => socket.destroy());
              each(socket);
            });
            endings.push(() => server.close());
            const { promise, resolve } = Promise.withResolvers<void>();
            server.listen(0, "127.0.0.1", resolve);
            await promise;
            return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
          },
          connect: async (path) => {
            const socket = createConnection({ path, allowHalfOpen: true });
            socket.on("error", () => undefined);
            endings.push(() => socket.destroy());
            const { promise, resolve, reject } = Promise.withResolvers<void>();
            socket.once("connect", resolve);
            socket.once("error", reject);
            await promise;
            return socket;
          },
        });
      } finally {
        for (const end of endings) end();
        rmSync(directory, { recursive: true, force: true });
      }
    });

  named("bytes go both ways unchanged, and a half-closed end stays half-closed", async ({ directory, tunnels, serve, connect }) => {
    // Answers only when everything was heard.
    const target = await serve((socket) => {
      const hash = createHash("sha256");
      socket.on("data", (data) => hash.update(data));
      socket.on("end", () => socket.end(hash.digest("hex")));
    });
    const path = join(directory, "a.sock");
    const tunnel = await tunnels.open(path, () => target);
    assert.equal(statSync(path).mode & 0o777, 0o666, "any user of the allocation may connect");
    const data = randomBytes(3_000_000);
    const socket = await connect(path);
    socket.end(data);
    assert.equal(await textOf(socket), createHash("sha256").update(data).digest("hex"));
    await eventually("the connection to end", () => tunnel.connections === 0);
    await tunnel.close();
  });

  named("a target that says all it has to say goes on listening", async ({ directory, tunnels, serve, connect }) => {
    const heard = Promise.withResolvers<string>();
    const target = await serve((socket) => {
      socket.end("all");
      void textOf(socket).then(heard.resolve);
    });
    const path = join(directory, "a.sock");
    const tunnel = await tunnels.open(path, () => target);
    const socket = await connect(path);
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.once("end", resolve).resume();
    await promise;
    socket.end("still here");
    assert.equal(await heard.promise, "still here");
    await tunnel.close();
  });

  named("who reads slowly slows who writes", async ({ directory, tunnels, serve, connect }) => {
    let sent = 0;
    const target = await serve((socket) => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (sent < 256 * 1024 * 1024) {
          sent += chunk.length;
          if (!socket.write(chunk)) break;
        }
      };
      socket.on("drain", more);
      more();
    });
    const path = join(directory, "a.sock");
    const tunnel = await tunnels.open(path, () => target);
    const socket = await connect(path);
    socket.pause();
    let before = -1;
    await eventually("the writer to be held up", async () => {
      const now = sent;
      const still = now === before && now > 0;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return still;
    });
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes lie about somewhere`);
    await tunnel.close();
  });

  named("what stands at its place is replaced: a killed agent's socket, a file, a link, which is not followed", async (play) => {
    const { directory, tunnels, serve, connect } = play;
    const target = await serve((socket) => socket.end("here"));
    const outside = join(directory, "outside");
    writeFileSync(outside, "untouched");
    const inside = join(directory, "inside");
    mkdirSync(inside);
    const path = join(inside, "a.sock");
    symlinkSync(outside, path);
    const first = await tunnels.open(path, () => target);
    assert.equal(statSync(outside).size, "untouched".length);
    const second = await tunnels.open(path, () => target);
    assert.equal(await textOf(await connect(path)), "here");
    await first.close();
    assert.equal(await textOf(await connect(path)), "here", "the end of the one before takes nothing from the one after");
    await second.close();
    assert.ok(!existsSync(path));
  });

  named("a target that is not known, or not there, ends the connection and nothing else; where it is is asked each time", async (play) => {
    const { directory, tunnels, serve, connect } = play;
    let target: TunnelTarget | undefined;
    const path = join(directory, "a.sock");
    const tunnel = await tunnels.open(path, () => target);
    assert.equal(await textOf(await connect(path)), "");
    target = { path: join(directory, "nobody.sock") };
    assert.equal(await textOf(await connect(path)), "");
    target = await serve((socket) => socket.end("moved"));
    assert.equal(await textOf(await connect(path)), "moved");
    await tunnel.close();
  });

  named("where a directory lies in its place nothing is left behind", async ({ directory, tunnels }) => {
    mkdirSync(join(directory, "a.sock"));
    const opening = tunnels.open(join(directory, "a.sock"), () => undefined);
    await assert.rejects(opening, (thrown: unknown) => thrown instanceof NamedError && thrown.code === "TUNNEL_FAILED");
    assert.deepEqual(readdirSync(directory), ["a.sock"]);
  });

  named("whoever opens connections without end is let have some hundred", async ({ directory, tunnels, serve, connect }) => {
    const target = await serve((socket) => socket.resume());
    const path = join(directory, "a.sock");
    const tunnel = await tunnels.open(path, () => target);
    let ended = 0;
    for (let made = 0; made < 300; made++) {
      const socket = await connect(path);
      socket.resume();
      socket.once("close", () => ended++);
      socket.once("end", () => socket.destroy());
    }
    await eventually("those beyond the limit to end", () => ended >= 44);
    assert.ok(tunnel.connections <= 256, `${tunnel.connections}`);
    await tunnel.close();
  });

  named("its end ends connections, and the file; a second end is fine", async ({ directory, tunnels, serve, connect }) => {
    const target = await serve(() => undefined);
    const path = join(directory, "a.sock");
    const tunnel = await tunnels.open(path, () => target);
    const socket = await connect(path);
    await eventually("the connection to be there", () => tunnel.connections === 1);
    const ended = textOf(socket);
    await tunnel.close();
    await ended;
    assert.ok(!existsSync(path));
    await tunnel.close();
    await assert.rejects(connect(path));
  });

  named("a path far longer than a socket's may be is fine", async ({ directory, tunnels, serve }) => {
    const target = await serve((socket) => socket.end("deep"));
    const deep = join(directory, "d".repeat(120));
    mkdirSync(deep);
    const tunnel = await tunnels.open(join(deep, "consul_grpc.sock"), () => target);
    assert.ok(existsSync(join(deep, "consul_grpc.sock")));
    await tunnel.close();
  });

  named("a directory that is not there is said", async ({ directory, tunnels }) => {
    const opening = tunnels.open(join(directory, "nowhere", "a.sock"), () => undefined);
    await assert.rejects(opening, (thrown: unknown) => thrown instanceof NamedError && thrown.code === "TUNNEL_FAILED");
  });
}

/** Until the other side has nothing more to say. */
async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (data: Buffer) => chunks.push(data));
  socket.on("end", resolve);
  socket.on("close", () => resolve());
  await promise;
  socket.destroy();
  return Buffer.concat(chunks).toString("utf8");
}
