/** The query string, read strictly: a value that cannot be understood is a 400, never a silent default. */
import { parseDuration } from "#std";
import { badRequest } from "./refusal.ts";

export class Query {
  readonly #values: Readonly<Record<string, string | string[] | undefined>>;

  constructor(values: unknown) {
    this.#values = (values ?? {}) as Readonly<Record<string, string | string[] | undefined>>;
  }

  /** The first value; "" when absent. */
  text(name: string): string {
    const value = this.#values[name];
    return (Array.isArray(value) ? value[0] : value) ?? "";
  }

  all(name: string): readonly string[] {
    const value = this.#values[name];
    return value === undefined ? [] : Array.isArray(value) ? value : [value];
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  /** As Go reads booleans; `?name` alone is true only where `bare` says so. */
  flag(name: string, fallback = false, bare = false): boolean {
    if (!this.has(name)) return fallback;
    const value = this.text(name);
    if (value === "") return bare;
    if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
    if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
    throw badRequest(`Failed to parse value of "${name}" (${JSON.stringify(value)}) as a bool`);
  }

  /** A whole number from 0 (or from `least`) up; `fallback` when absent. */
  whole(name: string, fallback: number, least = 0): number {
    const value = this.text(name);
    if (value === "") return fallback;
    const number = Number(value);
    if (!/^-?\d{1,16}$/.test(value) || !Number.isSafeInteger(number) || number < least) {
      throw badRequest(`Invalid ${name}: ${JSON.stringify(value.slice(0, 40))} is not a whole number${least === 0 ? " from 0 up" : ""}`);
    }
    return number;
  }

  /** Milliseconds of a Go duration ("10s", "500ms"); `fallback` when absent. */
  durationMs(name: string, fallback: number): number {
    const value = this.text(name);
    if (value === "") return fallback;
    const ns = parseDuration(value);
    if (ns === undefined || ns < 0)
      throw badRequest(`Invalid ${name} time: ${JSON.stringify(value.slice(0, 40))} is not a duration such as "10s"`);
    return ns / 1e6;
  }
}
