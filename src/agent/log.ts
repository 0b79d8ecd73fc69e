/**
 * The agent's log: levelled lines on standard output (text or JSON), and to whoever monitors it.
 *
 *   2026-01-02T15:04:05.000Z [INFO]  client: node registered: node_id=4f0c…
 *   {"@level":"info","@message":"node registered","@module":"client","@timestamp":"…","node_id":"4f0c…"}
 *
 * The JSON keys are the ones Nomad's log readers know. Secrets are never passed in here.
 */
import { pino, type Logger } from "pino";

export const LOG_LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface AgentLog {
  write(level: LogLevel, module: string, message: string, fields?: LogFields): void;
  /** Also while running: SIGHUP re-reads it. */
  setLevel(level: LogLevel): void;
  /** Lines at `level` and above, each with its line end; returns the unsubscribe. */
  monitor(level: LogLevel, json: boolean, listener: (line: string) => void): () => void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly json: boolean;
  readonly output: (line: string) => void;
  readonly now: () => Date;
}

export function createLog(options: LogOptions): AgentLog {
  let threshold = LOG_LEVELS.indexOf(options.level);
  const monitors = new Set<{ readonly threshold: number; readonly json: boolean; readonly listener: (line: string) => void }>();
  const asJson = jsonLines();
  return {
    write(level, module, message, fields = {}) {
      const rank = LOG_LEVELS.indexOf(level);
      const wanted = [...monitors].filter((each) => rank >= each.threshold);
      if (rank < threshold && wanted.length === 0) return;
      const at = options.now();
      const text = () => textLine(at, level, module, message, fields);
      const json = () => asJson(at, level, module, message, fields);
      if (rank >= threshold) options.output(options.json ? json() : text());
      for (const each of wanted) each.listener(each.json ? json() : text());
    },
    setLevel(level) {
      threshold = LOG_LEVELS.indexOf(level);
    },
    monitor(level, json, listener) {
      const entry = { threshold: LOG_LEVELS.indexOf(level), json, listener };
      monitors.add(entry);
      return () => monitors.delete(entry);
    },
  };
}

/** The shape rooms report in (their lower-case levels), as lines of one module. */
export function reporter(
  log: AgentLog,
  module: string,
): (entry: { readonly level: string; readonly message: string; readonly fields: LogFields }) => void {
  return ({ level, message, fields }) => log.write(level.toUpperCase() as LogLevel, module, message, fields);
}

function textLine(at: Date, level: LogLevel, module: string, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quoted(value)}`);
  return `${at.toISOString()} [${level}]${level.length < 5 ? " " : ""} ${module}: ${message}${pairs.length > 0 ? `: ${pairs.join(" ")}` : ""}\n`;
}

function quoted(value: unknown): string {
  const text = value instanceof Error ? value.message : typeof value === "object" ? JSON.stringify(value) : String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

/** pino shapes and escapes the JSON (errors, circular values); the line is caught instead of printed. */
function jsonLines(): (at: Date, level: LogLevel, module: string, message: string, fields: LogFields) => string {
  let caught = "";
  const logger: Logger = pino(
    { base: null, level: "trace", timestamp: false, messageKey: "@message", formatters: { level: (label) => ({ "@level": label }) } },
    { write: (line: string) => void (caught = line) },
  );
  return (at, level, module, message, fields) => {
    const name = level.toLowerCase() as "trace" | "debug" | "info" | "warn" | "error";
    const plain = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value.message : value]));
    logger[name]({ "@module": module, "@timestamp": at.toISOString(), ...plain }, message);
    return caught;
  };
}
