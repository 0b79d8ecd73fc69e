/** `npm run quickstart -- --stack` as a newcomer starts it, for tests of the lessons: its commands typed in a shell that has exported what it says. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  eventually,
  freePort,
  mountsUnder,
  processesUnder,
  REPOSITORY,
  run,
  temporaryDirectory,
  type CommandResult,
} from "../real-agent.ts";
import type { IsolatedHost } from "./isolated-host.ts";
import type { PartOwner } from "./process.ts";

export interface Quickstart {
  /** Its own; for files of the test too, which go with it. */
  readonly folder: string;
  /** What it printed so far. */
  said(): string;
  /** Of the agent's HTTP API; fails unless it answers with 200. */
  get<T>(path: string): Promise<T>;
  /** Blocks of a lesson that are fenced as `sh stack`, or with another word. */
  blocksOf(readme: string, fence?: string): readonly string[];
  /** Runs lines in a shell that stops at the first that fails; fails with all they said. */
  type(lines: string, environment?: NodeJS.ProcessEnv): Promise<CommandResult>;
}

export interface QuickstartPlace {
  /** Where it runs, and where its commands are typed. Default: this machine. */
  readonly host?: IsolatedHost;
  /** Of the quickstart itself. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Returns when the whole stack stands. Its owner is told to end it as Ctrl-C does, which fails if anything is left. */
export async function startQuickstart(owner: PartOwner, place: QuickstartPlace = {}): Promise<Quickstart> {
  const own = temporaryDirectory("quickstart");
  const port = await freePort();
  const there = (...words: string[]): [string, string[]] => {
    const [first = "", ...rest] = [...(place.host?.through ?? []), ...words];
    return [first, rest];
  };
  const child = spawn(...there("sh", join(REPOSITORY, "scripts", "quickstart.sh"), `-port=${port}`, "--stack"), {
    cwd: "/",
    env: { ...process.env, ...place.environment, TMPDIR: own.path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()));
  const isOver = () => child.exitCode !== null || child.signalCode !== null;

  owner.after(async () => {
    child.kill("SIGTERM");
    await eventually("the quickstart to end", isOver, 60_000).catch(() => child.kill("SIGKILL"));
    const left = processesUnder(own.path);
    const mounts = mountsUnder(own.path);
    const files = readdirSync(own.path);
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    for (const mount of mounts) await run("umount", ["-l", mount]);
    own.remove();
    assert.deepEqual({ left, mounts, files }, { left: [], mounts: [], files: [] });
    assert.match(said, /nothing is left behind/);
  });
  await eventually("the stack to stand", () => isOver() || said.includes("Ctrl-C stops everything"), 120_000);
  assert.ok(!isOver(), said);

  /** As it says: its lines of `export`, and the PATH in parentheses. */
  const exported = [...said.matchAll(/^ +(export \S+=\S+ \S+=\S+)$/gm), ...said.matchAll(/\((export PATH=[^)]+)\)/g)].map(
    ([, line]) => line,
  );
  assert.equal(exported.length, 3, said);
  const [folder] = readdirSync(own.path).map((each) => join(own.path, each));
  assert.ok(folder !== undefined && existsSync(folder));

  return {
    folder,
    said: () => said,
    async get<T>(path: string) {
      if (place.host !== undefined) {
        return JSON.parse(await place.host.must("curl", "-sS", "--fail-with-body", "-m", "5", `http://127.0.0.1:${port}${path}`)) as T;
      }
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
      assert.equal(response.status, 200, path);
      return (await response.json()) as T;
    },
    blocksOf(readme, fence = "stack") {
      const blocks = [...readFileSync(readme, "utf8").matchAll(new RegExp(`^\`\`\`sh ${fence}\\n([^]*?)^\`\`\`$`, "gm"))].map(
        (match) => match[1] as string,
      );
      assert.ok(blocks.length > 0, readme);
      return blocks;
    },
    async type(lines, environment = {}) {
      const result = await run(...there("sh", "-ec", `cd ${REPOSITORY}\n${exported.join("\n")}\n${lines}`), {
        env: { ...process.env, ...environment },
        timeoutMs: 60_000,
      });
      assert.equal(result.code, 0, `${lines}\n${result.stdout}${result.stderr}`);
      return result;
    },
  };
}
