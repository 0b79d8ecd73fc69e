import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { awaitExitFile } from "../../../../integrations/host/process/exit-file.ts";
import { eventually } from "../../../eventually.ts";

describe("waiting for a status that another process writes", () => {
  let directory: string;
  let lives: boolean;
  let reads: number;
  let looks: number[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "drover-exit-file-"));
    [lives, reads, looks] = [true, 0, []];
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const wait = (watched = directory) =>
    awaitExitFile<string>({
      directory: watched,
      read: () => {
        reads++;
        return existsSync(join(directory, "exit")) ? "0" : undefined;
      },
      lost: () => {
        looks.push(performance.now());
        return !lives;
      },
    });

  test("what is there already is told at once", async () => {
    writeFileSync(join(directory, "exit"), "0");
    assert.equal(await wait(), "0");
    assert.deepEqual(looks, []);
  });

  test("while the writer lives nothing is read but what was announced", async () => {
    const end = wait();
    const before = reads;
    await eventually("two looks by the clock", () => looks.length >= 3);
    assert.equal(reads, before);
    writeFileSync(join(directory, "exit"), "0");
    assert.equal(await end, "0");
  });

  test("a writer that was killed without a word is noticed", async () => {
    const end = wait();
    lives = false;
    assert.equal(await end, undefined);
    assert.ok(looks.length >= 2);
  });

  test("where nothing can be watched, the status is found by looking", async () => {
    const end = wait(join(directory, "nowhere"));
    writeFileSync(join(directory, "exit"), "0");
    assert.equal(await end, "0");
    assert.ok(looks.length <= 2);
  });

  test("all who wait look at the same moment", async () => {
    const looking = (own: number[]) => awaitExitFile({ directory, read: () => undefined, lost: () => own.push(performance.now()) > 3 });
    const [early, late]: [number[], number[]] = [[], []];
    const first = looking(early);
    // Half a period later than the first one.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await Promise.all([first, looking(late)]);
    const [moment = 0] = late.slice(1);
    assert.ok(
      early.some((each) => Math.abs(each - moment) < 100),
      `${early.join()} and ${late.join()}`,
    );
  });

  test("an error while looking is told", async () => {
    const failing = awaitExitFile({
      directory,
      read: () => undefined,
      lost: () => {
        if (looks.push(0) > 1) throw new Error("unreadable");
        return false;
      },
    });
    await assert.rejects(failing, /unreadable/);
  });
});
