/** A command's world without a process: what it prints is kept, servers answer from a script, the clock stands still. */
import type { ApiClient } from "#api/client";
import type { Context } from "../../../src/cli/command.ts";
import { parseFlags, type FlagTable } from "../../../src/cli/flags.ts";
import { palette } from "../../../src/cli/render/colour.ts";

export const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

export interface FakeContext {
  readonly context: Context;
  /** Lines of standard output, pictures as "picture:" and their text. */
  readonly printed: string[];
  readonly complained: string[];
}

export interface FakeOptions {
  readonly words?: readonly string[];
  readonly flags?: FlagTable;
  /** Only what the command calls. */
  readonly api?: object;
  readonly interactive?: boolean;
  /** To every question; undefined: nobody is there. */
  readonly answer?: string;
}

export function fakeContext(options: FakeOptions = {}): FakeContext {
  const printed: string[] = [];
  const complained: string[] = [];
  const flags = parseFlags(options.words ?? [], options.flags ?? {});
  const context: Context = {
    flags,
    arguments: flags.arguments,
    terminal: {
      print: (text) => void printed.push(...text.split("\n")),
      write: (data) => void printed.push(String(data)),
      complain: (text) => void complained.push(text),
      progress: () => undefined,
      picture: (text) => void printed.push("picture:", ...text.split("\n")),
      colours: palette(false),
      interactive: options.interactive ?? false,
      ask: async () => options.answer,
      readInput: async () => "",
      readBytes: async () => Buffer.alloc(0),
    },
    environment: {},
    stoppedServer: () => Promise.reject(new Error("no server is here")),
    api: (options.api ?? {}) as ApiClient,
    apiAt: () => (options.api ?? {}) as ApiClient,
    namespace: "",
    nowMs: () => NOW_MS,
    interrupted: new AbortController().signal,
  };
  return { context, printed, complained };
}

/** An answer as the typed client gives it. */
export function answered<T>(
  value: T,
  index = 1,
): { value: T; index: number; nextToken: string; knownLeader: boolean; lastContactMs: number } {
  return { value, index, nextToken: "", knownLeader: true, lastContactMs: 0 };
}

/** Answers one after the other, the last one for ever. */
export function inTurn<T>(...values: readonly T[]): () => Promise<ReturnType<typeof answered<T>>> {
  let at = 0;
  return async () => {
    const value = values[Math.min(at, values.length - 1)] as T;
    at++;
    return answered(value, at);
  };
}
