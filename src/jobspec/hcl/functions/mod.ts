/** Every function of the language, by theme. nomad.md §1.1. */
import type { FunctionTable } from "../scope.ts";
import { COLLECTIONS } from "./collections.ts";
import { CONVERSION } from "./conversion.ts";
import { cryptoFunctions } from "./crypto.ts";
import { ENCODING } from "./encoding.ts";
import { fileFunctions, refusedFileFunctions } from "./files.ts";
import { identifierFunctions } from "./identifiers.ts";
import { NETWORK } from "./network.ts";
import { NUMBERS } from "./numbers.ts";
import { patternFunctions } from "./pattern.ts";
import { STRINGS } from "./strings.ts";
import { TIME } from "./time.ts";

export interface FunctionOptions {
  /** Where relative paths of the file functions begin; absent: those functions refuse. */
  readonly folder?: string;
  readonly randomUuid: () => string;
  /** A clock that never goes back: bounds what time all patterns of a file may take. Absent: each pattern on its own. */
  readonly nowMs?: () => number;
}

export function makeFunctions(options: FunctionOptions): FunctionTable {
  const files = options.folder === undefined ? refusedFileFunctions() : fileFunctions(options.folder);
  const themes = [
    STRINGS,
    patternFunctions(options.nowMs),
    COLLECTIONS,
    NUMBERS,
    ENCODING,
    cryptoFunctions(),
    TIME,
    NETWORK,
    identifierFunctions(options.randomUuid),
    files,
    CONVERSION,
  ];
  return new Map(themes.flatMap((theme) => [...theme]));
}
