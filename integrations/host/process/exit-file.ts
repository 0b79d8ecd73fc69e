/** Waits for a status that another process writes into a directory. */
import { watch, type FSWatcher } from "node:fs";

export interface ExitFile<Exit> {
  readonly directory: string;
  /** The status, once it is wholly there. */
  readonly read: () => Exit | undefined;
  /** True when nobody is left who could write it. */
  readonly lost: () => boolean;
}

/** How often to look although nothing was announced: the writer may have been killed, which no watch tells. */
const POLL_MS = 1000;

/** Undefined when the status will never come. */
export function awaitExitFile<Exit>(file: ExitFile<Exit>): Promise<Exit | undefined> {
  const known = file.read();
  if (known !== undefined) return Promise.resolve(known);
  return new Promise((resolve, reject) => {
    let watcher: FSWatcher | undefined;
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    const end = (): void => {
      over = true;
      clearTimeout(timer);
      watcher?.close();
    };
    const finish = (exit: Exit | undefined) => {
      end();
      resolve(exit);
    };
    /** `watched`: as long as the writer lives, a change would have been told. */
    function look(watched: boolean): void {
      try {
        if (watched && !file.lost()) return;
        const exit = file.read();
        if (exit !== undefined) finish(exit);
        // It may have been written between the two looks.
        else if (file.lost()) finish(file.read());
      } catch (error) {
        end();
        reject(error);
      }
    }
    function lookByTheClock(): void {
      look(watcher !== undefined);
      if (!over) timer = setTimeout(lookByTheClock, untilNextLookMs());
    }
    try {
      watcher = watch(file.directory, () => look(false));
      watcher.on("error", () => {
        watcher?.close();
        watcher = undefined;
      });
    } catch {
      // No directory, or no inotify watches left: looking now and then is enough.
    }
    timer = setTimeout(lookByTheClock, untilNextLookMs());
    look(false);
  });
}

/** Everybody looks at the same moments: a process that waits for many wakes once a second, not once for each. */
function untilNextLookMs(): number {
  return POLL_MS - (performance.now() % POLL_MS);
}
