/** Loaded into an agent before its program (NODE_OPTIONS=--import): its Date is off by the milliseconds in the file CLOCK_SKEW_FILE, as they change. */
import { readFileSync } from "node:fs";

const file = process.env["CLOCK_SKEW_FILE"] ?? "";
const Right = Date;
let offMs = 0;

function look(): void {
  try {
    offMs = Number(readFileSync(file, "utf8")) || 0;
  } catch {
    offMs = 0;
  }
}
look();
setInterval(look, 100).unref();

globalThis.Date = class extends Right {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(Right.now() + offMs);
    else super(...(given as [number]));
  }
  static override now(): number {
    return Right.now() + offMs;
  }
} as DateConstructor;
