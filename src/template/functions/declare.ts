/** How the functions here are written down: what they take, what they do. */
import { type ParameterKind, type TemplateFunction, TemplateFunctionError, TemplateSignal } from "../go/function.ts";
import type { Value } from "../go/value.ts";
import type { Looking } from "./looking.ts";

export type Declared = TemplateFunction<Looking>;
type Call = (args: readonly never[], looking: Looking) => Value;

/** Exactly these arguments. What `call` gets has the types its parameters say. */
export function takes(parameters: readonly ParameterKind[], call: Call): Declared {
  return { minimum: parameters.length, maximum: parameters.length, parameters, call: call as Declared["call"] };
}

/** The last parameter stands for all that follow. `most`: absent for any number. */
export function takesMany(parameters: readonly ParameterKind[], least: number, call: Call, most?: number): Declared {
  return { minimum: least, maximum: most, parameters, call: call as Declared["call"] };
}

export function fail(message: string): never {
  throw new TemplateFunctionError(message);
}

/** Thrown when what a function is to make is larger than a rendering may be. */
export class TooLargeError extends TemplateSignal {}

export const TEXT_LENGTH_MAX = 16 * 1024 * 1024;
export const ITEMS_MAX = 100_000;

export function allowLength(length: number): void {
  if (length > TEXT_LENGTH_MAX) throw new TooLargeError("what it makes is larger than a rendering may be (16 MiB)");
}

/** What is taken apart by the engine at one go: nothing ends that before it is done. */
export const PIECES_MAX = 500_000;
export const PARSED_LENGTH_MAX = 4 * 1024 * 1024;

export function allowPieces(count: number): void {
  if (count > PIECES_MAX) throw new TooLargeError(`what it is given has more than ${PIECES_MAX} parts`);
}

export function allowParsed(text: string): void {
  if (text.length > PARSED_LENGTH_MAX) throw new TooLargeError("what it is to parse is larger than 4 MiB");
}

export function allowItems(count: number): void {
  if (count > ITEMS_MAX) throw new TooLargeError(`what it makes has more than ${ITEMS_MAX} items`);
}
