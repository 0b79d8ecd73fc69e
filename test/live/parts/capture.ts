/** What was said on an interface, recorded by tcpdump: to look whether somebody said it in the clear. */
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { toolPath } from "../../../scripts/tool-path.ts";
import { ownFolder } from "../remains.ts";
import type { IsolatedHost } from "./isolated-host.ts";
import type { PartOwner } from "./process.ts";

export interface Capture {
  /** Ends it and gives every byte that was recorded. Packets that were on their way when it was called are in it. */
  stop(): Promise<Buffer>;
}

const SETTLED_MS = 200;

/**
 * `host`: where; undefined is the machine. `filter` in tcpdump's words ("tcp port 8080"), "" for all. Returns when it listens. A word that
 * was split over two packets is not found as one: search for something short.
 */
export async function startCapture(
  owner: PartOwner,
  { host, interface: name = "any", filter = "" }: { readonly host?: IsolatedHost; readonly interface?: string; readonly filter?: string },
): Promise<Capture> {
  const folder = ownFolder("capture");
  const file = join(folder, "packets.pcap");
  const words = [
    ...(host?.through ?? []),
    toolPath("tcpdump"),
    "-n",
    "-s",
    "0",
    "-U",
    "--immediate-mode",
    "-Z",
    "root",
    "-i",
    name,
    "-w",
    file,
  ];
  const child = spawn(words[0] as string, [...words.slice(1), ...filter.split(" ").filter(Boolean)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  owner.after(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (data: Buffer) => {
      said += data.toString();
      if (said.includes("listening on")) resolve();
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`tcpdump ended: ${said}`)));
  });
  return {
    async stop() {
      // The kernel hands packets over in blocks, at the latest after a tenth of a second.
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
      child.kill("SIGINT");
      await ended;
      return readFileSync(file);
    },
  };
}
