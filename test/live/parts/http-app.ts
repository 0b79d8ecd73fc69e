/** The app of the tests (test/tools/http-app): as a task of a job, or started by the test itself; and a load with its count of errors. */
import { spawn } from "node:child_process";
import { toolPath } from "../../../scripts/tool-path.ts";
import { eventually } from "../../eventually.ts";
import type { IsolatedHost } from "./isolated-host.ts";
import type { PartOwner } from "./process.ts";

export interface HttpApp {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Answers when it returns. `host` undefined: this machine's loopback; `through`: any other words before its command (a namespace), with `address`. */
export async function startHttpApp(
  owner: PartOwner,
  options: {
    readonly host?: IsolatedHost;
    readonly through?: readonly string[];
    readonly address?: string;
    readonly word?: string;
    readonly upstream?: string;
  } = {},
): Promise<HttpApp> {
  const address = options.address ?? options.host?.address ?? "127.0.0.1";
  const words = ["serve", "-listen", `${address}:0`, "-word", options.word ?? "hello", "-upstream", options.upstream ?? ""];
  const child = started([...(options.through ?? options.host?.through ?? []), toolPath("http-app"), ...words]);
  owner.after(child.stop);
  const listening = await eventually("the app to listen", () => {
    if (child.isOver()) throw new Error(child.output());
    return /listening on \S+:(\d+)\n/.exec(child.output())?.[1];
  });
  return { url: `http://${address}:${listening}`, pid: child.pid, stop: child.stop };
}

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  /** The first hundred; `at` in Unix milliseconds. */
  readonly failures: readonly { readonly at: number; readonly what: string }[];
  /** Could not begin in time. */
  readonly skipped: number;
  readonly seconds: number;
  readonly bytes: number;
  /** p50, p90, p99, max. */
  readonly latencyMs: Readonly<Record<string, number>>;
}

export interface Load {
  /** Waits for its end. */
  result(): Promise<LoadResult>;
  /** Ends it now. */
  stop(): Promise<LoadResult>;
}

/** Asks at a steady rate, whatever the answers take, for a time; without one until stop(). */
export function loadOf(
  owner: PartOwner,
  options: {
    readonly url: string;
    /** A second (default 200). */
    readonly rate?: number;
    readonly durationMs?: number;
    readonly timeoutMs?: number;
    /** A connection for each request. */
    readonly fresh?: boolean;
    readonly through?: readonly string[];
  },
): Load {
  const words = ["load", "-url", options.url, "-rate", String(options.rate ?? 200), "-duration", `${options.durationMs ?? 0}ms`];
  const more = [`-timeout=${options.timeoutMs ?? 5000}ms`, `-fresh=${options.fresh === true}`];
  const child = started([...(options.through ?? []), toolPath("http-app"), ...words, ...more]);
  owner.after(child.kill);
  const result = async (): Promise<LoadResult> => {
    await child.ended;
    const line = child
      .output()
      .split("\n")
      .find((each) => each.startsWith("{"));
    if (line === undefined) throw new Error(`the load said nothing: ${child.output()}`);
    return JSON.parse(line) as LoadResult;
  };
  return {
    result,
    async stop() {
      await child.stop();
      return result();
    },
  };
}

/** What a job's task writes: the app in a chroot of an agent of mesh-world, or on the machine (raw_exec). HCL, for `config { … }`. */
export function httpAppConfig(words: readonly string[], place: "chroot" | "machine" = "chroot"): string {
  return `command = ${JSON.stringify(place === "chroot" ? HTTP_APP_IN_CHROOT : toolPath("http-app"))}\n  args = ${JSON.stringify(words)}`;
}

/** Where mesh-world's agents show it (client { chroot_env }). */
export const HTTP_APP_IN_CHROOT = "/opt/http-app";

function started(words: readonly string[]) {
  const child = spawn(words[0] as string, words.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let over = false;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()));
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      said += error.message;
      resolve();
    });
    child.once("close", () => resolve());
  }).then(() => {
    over = true;
  });
  const end = (signal: NodeJS.Signals) => async (): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  const onExit = (): void => void child.kill("SIGKILL");
  process.once("exit", onExit);
  void ended.then(() => process.off("exit", onExit));
  return { pid: child.pid ?? 0, output: () => said, isOver: () => over, ended, stop: end("SIGTERM"), kill: end("SIGKILL") };
}
