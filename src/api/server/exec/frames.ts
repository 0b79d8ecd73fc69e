/**
 * Exec's frames, text both ways. nomad.md §3.4.
 *
 *   client → {"stdin":{"data":base64}} {"stdin":{"close":true}} {"tty_size":{"height":24,"width":80}} {} (heartbeat)
 *   server → {"stdout":{"data":base64}} {"stdout":{"close":true}} the same with "stderr", last {"exited":true,"result":{"exit_code":0}}
 */
import type { ExecInput, ExecOutput } from "#ports";
import { badRequest } from "../refusal.ts";

const SIZE_MAX = 65_535;

/** What a frame says; nothing for a heartbeat. Throws 400. */
export function readInput(text: string): readonly ExecInput[] {
  const frame = objectOf(text);
  const inputs: ExecInput[] = [];
  const stdin = frame["stdin"] as { readonly data?: unknown; readonly close?: unknown } | undefined | null;
  if (stdin !== undefined && stdin !== null) {
    if (typeof stdin.data === "string" && stdin.data !== "") inputs.push({ kind: "stdin", data: Buffer.from(stdin.data, "base64") });
    if (stdin.close === true) inputs.push({ kind: "stdin-end" });
  }
  const size = frame["tty_size"] as { readonly height?: unknown; readonly width?: unknown } | undefined | null;
  if (size !== undefined && size !== null) {
    const [height, width] = [sizeOf(size.height, "height"), sizeOf(size.width, "width")];
    // A terminal that does not know its size says nothing or 0 (as under script or expect): what it has stays.
    if (height > 0 && width > 0) inputs.push({ kind: "size", height, width });
  }
  return inputs;
}

function sizeOf(value: unknown, name: string): number {
  if (value === undefined || value === null) return 0;
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= SIZE_MAX) return value as number;
  throw badRequest(`Cannot read frame: tty_size.${name} is ${JSON.stringify(value)}, wanted 0 to ${SIZE_MAX}`);
}

/** The first frame of a browser: {"version":1,"auth_token":"…"}. Answers the token. Throws 400. */
export function readHandshake(text: string): string {
  const frame = objectOf(text);
  if (frame["version"] !== 1) throw badRequest(`unexpected handshake value: version ${JSON.stringify(frame["version"] ?? null)}, wanted 1`);
  return typeof frame["auth_token"] === "string" ? frame["auth_token"] : "";
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest("Cannot read frame: it is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badRequest("Cannot read frame: it is no JSON object");
  return value as Readonly<Record<string, unknown>>;
}

export function outputText(output: ExecOutput): string {
  if (output.kind === "exited") return JSON.stringify({ exited: true, result: { exit_code: output.exitCode } });
  return JSON.stringify({ [output.kind]: { data: Buffer.from(output.data).toString("base64") } });
}

export function closeText(stream: "stdout" | "stderr"): string {
  return JSON.stringify({ [stream]: { close: true } });
}
