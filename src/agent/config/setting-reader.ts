import path from "node:path";
import { type Settings, problemAt } from "./settings.ts";

/** Settings by path, with a default for each; what is out of range becomes a problem at its place. */
export class SettingReader {
  readonly problems: string[] = [];
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  has(at: string): boolean {
    return this.#settings.has(at);
  }
  /** Anything in the block. */
  hasBelow(at: string): boolean {
    for (const path of this.#settings.keys()) if (path.startsWith(`${at}.`)) return true;
    return false;
  }
  text(at: string, fallback: string): string {
    const value = this.#settings.get(at)?.value;
    return value === undefined || value === "" ? fallback : (value as string);
  }
  flag(at: string, fallback = false): boolean {
    return (this.#settings.get(at)?.value as boolean | undefined) ?? fallback;
  }
  whole(at: string, fallback: number): number {
    return this.within(at, fallback, 0, Number.MAX_SAFE_INTEGER);
  }
  list(at: string): readonly string[] {
    return (this.#settings.get(at)?.value as string[] | undefined) ?? [];
  }
  map(at: string): Readonly<Record<string, string>> {
    return (this.#settings.get(at)?.value as Record<string, string> | undefined) ?? {};
  }
  within(at: string, fallback: number, least: number, most: number): number {
    const value = (this.#settings.get(at)?.value as number | undefined) ?? fallback;
    if (value >= least && value <= most) return value;
    const bound = value < least ? `at least ${least}` : `at most ${most}`;
    this.problem(at, `${at} is ${value}, must be ${bound}`, "");
    return fallback;
  }
  oneOf(at: string, fallback: string, words: readonly string[]): string {
    const value = this.text(at, fallback);
    if (words.includes(value)) return value;
    this.problem(at, `${at} is ${JSON.stringify(value)}, must be ${words.join(" or ")}`, "");
    return fallback;
  }
  directory(at: string, fallback: string): string {
    const value = this.text(at, fallback);
    if (this.has(at) && !path.isAbsolute(value)) this.problem(at, `${at} is ${JSON.stringify(value)}, must be an absolute path`, "");
    return value;
  }
  problem(at: string | undefined, summary: string, detail: string): void {
    this.problems.push(problemAt(at === undefined ? undefined : this.#settings.get(at)?.origin, summary, detail));
  }
}
