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
import type { PartOwner } from "./process.ts";

export interface Quickstart {
  /** Its own; for files of the test too, which go with it. */
  readonly folder: string;
  /** What it printed so far. */
  said(): string;
  /** Of the agent's HTTP API; fails unless it answers with 200. */
  get<T>(path: string): Promise<T>;
  /** Blocks of a lesson that are fenced as `sh stack`. */
  blocksOf(readme: string): readonly string[];
  /** Runs lines in a shell that stops at the first that fails; fails with all they said. */
  type(lines: string, environment?: NodeJS.ProcessEnv): Promise<CommandResult>;
}

/** Returns when the whole stack stands. Its owner is told to end it as Ctrl-C does, which fails if anything is left. */
export async function startQuickstart(owner: PartOwner): Promise<Quickstart> {
  const own = temporaryDirectory("quickstart");
  const port = await freePort();
  const child = spawn("sh", [join(REPOSITORY, "scripts", "quickstart.sh"), `-port=${port}`, "--stack"], {
    cwd: "/",
    env: { ...process.env, TMPDIR: own.path },
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
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
      assert.equal(response.status, 200, path);
      return (await response.json()) as T;
    },
    blocksOf(readme) {
      const blocks = [...readFileSync(readme, "utf8").matchAll(/^```sh stack\n([^]*?)^```$/gm)].map((match) => match[1] as string);
      assert.ok(blocks.length > 0, readme);
      return blocks;
    },
    async type(lines, environment = {}) {
      const result = await run("sh", ["-ec", `${exported.join("\n")}\n${lines}`], {
        cwd: REPOSITORY,
        env: { ...process.env, ...environment },
        timeoutMs: 60_000,
      });
      assert.equal(result.code, 0, `${lines}\n${result.stdout}${result.stderr}`);
      return result;
    },
  };
}
