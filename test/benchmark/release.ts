/** The packed release as it is installed, built anew in a folder of its own: bin/drover, dist/, and the Node it is pinned to. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY, run } from "../live/real-agent.ts";

export interface Release {
  /** bin/drover: what a person types. */
  readonly launcher: string;
  /** dist/main.js: what it starts. */
  readonly main: string;
  remove(): void;
}

export async function packRelease(): Promise<Release> {
  const root = mkdtempSync(join(tmpdir(), "drover-release-"));
  const remove = () => rmSync(root, { recursive: true, force: true });
  try {
    const built = await run(process.execPath, [join(REPOSITORY, "scripts", "pack.ts"), join(root, "dist")]);
    if (built.code !== 0) throw new Error(built.stderr);
    cpSync(join(REPOSITORY, "bin"), join(root, "bin"), { recursive: true });
    mkdirSync(join(root, "node_modules", ".bin"), { recursive: true });
    symlinkSync(process.execPath, join(root, "node_modules", ".bin", "node"));
    return { launcher: join(root, "bin", "drover"), main: join(root, "dist", "main.js"), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
