/**
 * Ends a rendering that holds too much memory before V8 does: at its own limit V8 ends a thread only if it has time to, else the whole process.
 */
import v8 from "node:v8";
import { runInNewContext } from "node:vm";
import { TooLargeError } from "../functions/declare.ts";

export function memoryCheck(bytesMax: number, giveBack: () => void): () => void {
  let collect: (() => void) | undefined;
  return () => {
    if (v8.getHeapStatistics().used_heap_size <= bytesMax) return;
    // Much of it may be what nobody holds any more.
    if (collect === undefined) {
      v8.setFlagsFromString("--expose-gc");
      collect = runInNewContext("gc") as () => void;
    }
    giveBack();
    collect();
    if (v8.getHeapStatistics().used_heap_size > bytesMax) throw new TooLargeError("it takes more memory than a rendering may have");
  };
}
