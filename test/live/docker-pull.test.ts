/** Pulls from a registry of the test's own, which tells the truth, lies, stalls and hangs up (F49). */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { dockerDriver, type DockerSettings } from "#integrations/docker";
import { startDockerDaemon, type DockerDaemon } from "../conformance/docker-daemon.ts";
import { dockerSettings, dockerWorld, ownerOf } from "../conformance/docker-world.ts";
import { taskStart } from "../conformance/driver.ts";
import { ownFolder } from "./remains.ts";

const ALLOCATION = "11111111-2222-3333-4444-555555555555";
const PASSWORD = "sesame-7fd1";
const digest = (data: Buffer) => `sha256:${createHash("sha256").update(data).digest("hex")}`;

interface Registry {
  readonly address: string;
  /** Requests for a layer so far. */
  layers(): number;
  /** From now on everybody must say who they are. */
  lock(): void;
  behave(how: "well" | "stalls" | "truncates" | "fails"): void;
  close(): Promise<void>;
}

/** Every repository holds busybox under the tags it is asked for, but "missing"; "private/…" wants the password. */
async function startRegistry(): Promise<Registry> {
  const folder = ownFolder("registry");
  execFileSync(
    "sh",
    [
      "-c",
      `mkdir -p image/bin && cp "$(command -v busybox)" image/bin/busybox && ln -s busybox image/bin/sh && tar -C image -cf layer.tar .`,
    ],
    { cwd: folder },
  );
  const tar = readFileSync(path.join(folder, "layer.tar"));
  rmSync(folder, { recursive: true, force: true });
  const layer = gzipSync(tar, { level: 1 });
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["/bin/sh"] },
      rootfs: { type: "layers", diff_ids: [digest(tar)] },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      config: { mediaType: "application/vnd.docker.container.image.v1+json", size: config.length, digest: digest(config) },
      layers: [{ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", size: layer.length, digest: digest(layer) }],
    }),
  );
  let how: Parameters<Registry["behave"]>[0] = "well";
  let layers = 0;
  let locked = false;
  const send = (response: ServerResponse, type: string, data: Buffer) => {
    response.writeHead(200, { "Content-Type": type, "Content-Length": data.length, "Docker-Content-Digest": digest(data) });
    response.end(data);
  };
  const server = createServer((request, response) => {
    const url = request.url ?? "";
    const error = (status: number, code: string) => {
      response.writeHead(status, {
        "Content-Type": "application/json",
        ...(status === 401 ? { "WWW-Authenticate": 'Basic realm="test"' } : {}),
      });
      response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replaceAll("_", " ") }] }));
    };
    const authorized = request.headers.authorization === `Basic ${Buffer.from(`me:${PASSWORD}`).toString("base64")}`;
    if (url === "/v2/") {
      // Docker learns here how it would say who it is.
      if (authorized || !locked) response.end("{}");
      else error(401, "UNAUTHORIZED");
    } else if (url.includes("/private/") && !authorized) error(401, "UNAUTHORIZED");
    else if (url.includes("/manifests/")) {
      if (how === "fails") error(503, "UNAVAILABLE");
      else if (url.endsWith("/missing")) error(404, "MANIFEST_UNKNOWN");
      else send(response, "application/vnd.docker.distribution.manifest.v2+json", manifest);
    } else if (url.endsWith(digest(config))) send(response, "application/octet-stream", config);
    else {
      layers++;
      // Docker goes on where it was cut off.
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      if (how === "well" && from > 0) {
        const range = `bytes ${from}-${layer.length - 1}/${layer.length}`;
        response.writeHead(206, { "Content-Range": range, "Content-Length": layer.length - from });
        response.end(layer.subarray(from));
      } else if (how === "well") send(response, "application/octet-stream", layer);
      else {
        response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": layer.length });
        response.write(layer.subarray(0, 1000), () => {
          if (how === "truncates") response.destroy();
        });
      }
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    layers: () => layers,
    lock: () => void (locked = true),
    behave: (next) => {
      how = next;
      locked = false;
      // Docker waits for a layer it has begun, though nobody wants it any more, until the connection ends.
      server.closeAllConnections();
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  let daemon: DockerDaemon;
  let registry: Registry;
  before(async () => {
    [daemon, registry] = [await startDockerDaemon(), await startRegistry()];
  });
  after(async () => {
    await daemon.remove();
    await registry.close();
  });

  const check = (sentence: string, more: Partial<DockerSettings>, body: (start: Starter) => Promise<void>) =>
    test(sentence, { timeout: 60_000 }, async () => {
      const world = await dockerWorld(daemon.endpoint, more);
      registry.behave("well");
      const driver = dockerDriver({
        owner: ownerOf(world.stateDirectory),
        stateDirectory: world.stateDirectory,
        config: dockerSettings(daemon.endpoint, more),
      });
      try {
        await body(async (image, config = {}, attempt = 0) => {
          const id = `${ALLOCATION}.web${attempt}.0`;
          const task = taskStart(
            world,
            id,
            { image: `${registry.address}/${image}`, command: "sh", args: ["-c", "exit 3"], ...config },
            { task: `web${attempt}` },
          );
          try {
            const handle = await driver.start(task);
            const { exitCode } = await driver.wait(handle, world.place);
            await driver.destroy(handle, world.place);
            return { code: `exit ${exitCode}`, message: "" };
          } catch (thrown) {
            return { code: (thrown as { code?: string }).code ?? "", message: (thrown as Error).message };
          }
        });
        assert.deepEqual(await driver.list(), []);
      } finally {
        for (const id of await driver.list()) await driver.sweep(id);
        for (const each of await daemon.docker.listImages()) await daemon.docker.getImage(each.Id).remove({ force: true });
        rmSync(path.join(world.stateDirectory, "docker-images.json"), { force: true });
        await world.remove();
      }
    });

  type Starter = (
    image: string,
    config?: Record<string, unknown>,
    attempt?: number,
  ) => Promise<{ readonly code: string; readonly message: string }>;

  check("an image is pulled and run; five tasks that want it at once pull it once", {}, async (start) => {
    const before = registry.layers();
    const answers = await Promise.all([1, 2, 3, 4, 5].map((each) => start("shop/web:1", {}, each)));
    assert.deepEqual(
      answers.map((each) => each.code),
      Array.from({ length: 5 }, () => "exit 3"),
    );
    assert.equal(registry.layers(), before + 1);
    assert.equal((await start("shop/web:1")).code, "exit 3");
    registry.behave("fails");
    assert.equal((await start("shop/web:1")).code, "exit 3", "what is here needs no registry");
    assert.equal((await start("shop/web:1", { force_pull: true })).code, "DRIVER_START_FAILED");
  });

  check("what does not exist or is denied is not tried again, and no password is told", {}, async (start) => {
    assert.equal((await start("shop/web:missing")).code, "DRIVER_TASK_INVALID");
    registry.lock();
    assert.equal((await start("private/web:1")).code, "DRIVER_TASK_INVALID");
    const wrong = await start("private/web:1", { auth: { username: "me", password: "open-5521", email: "", server_address: "" } });
    assert.equal(wrong.code, "DRIVER_TASK_INVALID");
    assert.ok(!wrong.message.includes("open-5521") && !wrong.message.includes(Buffer.from("me:open-5521").toString("base64")));
    const right = { username: "me", password: PASSWORD, email: "", server_address: "" };
    assert.deepEqual(await start("private/web:1", { auth: right }), { code: "exit 3", message: "" });
  });

  check("a registry that stalls is given up when nothing moved (F49)", { pullActivityTimeoutMs: 1500 }, async (start) => {
    registry.behave("stalls");
    const { code, message } = await start("shop/web:1");
    assert.equal(code, "DRIVER_START_FAILED");
    assert.match(message, /sent nothing for 1500 ms/);
    registry.behave("well");
    assert.deepEqual(await start("shop/web:1"), { code: "exit 3", message: "" }, "and is asked anew");
  });

  check("a pull has an end: image_pull_timeout (F49)", {}, async (start) => {
    registry.behave("stalls");
    const { code, message } = await start("shop/web:1", { image_pull_timeout: "2s" });
    assert.equal(code, "DRIVER_START_FAILED");
    assert.match(message, /not pulled within 2 s/);
  });

  check("a registry that hangs up in the middle is tried again (F49)", { imagePullTimeoutMs: 8000 }, async (start) => {
    registry.behave("truncates");
    assert.equal((await start("shop/web:1")).code, "DRIVER_START_FAILED");
    registry.behave("fails");
    assert.equal((await start("shop/web:1")).code, "DRIVER_START_FAILED");
    registry.behave("well");
    assert.deepEqual(await start("shop/web:1"), { code: "exit 3", message: "" });
  });
}
