/** Waits for a status that another process writes into a directory. */
import { watch, type FSWatcher } from "node:fs";

export interface ExitFile<Exit> {
  readonly directory: string;
  /** The status, once it is wholly there. */
  readonly read: () => Exit | undefined;
  /** True when nobody is left who could write it. */
  readonly lost: () => boolean;
}

const POLL_MS = 1000;

/** Undefined when the status will never come. */
export function awaitExitFile<Exit>(file: ExitFile<Exit>): Promise<Exit | undefined> {
  const known = file.read();
  if (known !== undefined) return Promise.resolve(known);
  return new Promise((resolve, reject) => {
    let watcher: FSWatcher | undefined;
    const finish = (exit: Exit | undefined) => {
      clearInterval(timer);
      watcher?.close();
      resolve(exit);
    };
    function look(): void {
      try {
        const exit = file.read();
        if (exit !== undefined) finish(exit);
        // It may have been written between the two looks.
        else if (file.lost()) finish(file.read());
      } catch (error) {
        clearInterval(timer);
        watcher?.close();
        reject(error);
      }
    }
    // How often to look although nothing was announced: the writer may have been killed, which no watch tells.
    const timer = setInterval(look, POLL_MS);
    try {
      watcher = watch(file.directory, look);
      watcher.on("error", () => {
        watcher?.close();
      });
    } catch {
      // No directory, or no inotify watches left: looking now and then is enough.
    }
    look();
  });
}
