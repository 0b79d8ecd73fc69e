/** client { template { … } } → Config. nomad.md §5.3. */
import { CLIENT_DEFAULTS } from "#client";
import type { TemplateConfig } from "./config.ts";
import type { SettingReader } from "./setting-reader.ts";

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const YEARS_MS = 100 * 365 * 24 * HOUR_MS;
const STALE_MS = 87_600 * HOUR_MS;
/** Nomad's is 5 min: there every template asks for itself, here a node asks once for all that look at the same secret. */
const LEASE_MS = 30 * SECOND_MS;

export function resolveTemplate(read: SettingReader): TemplateConfig {
  const at = (name: string) => `client.template.${name}`;
  const lists = ["function_denylist", "function_blacklist"].filter((name) => read.has(at(name)));
  const { functionsDenied, wait } = CLIENT_DEFAULTS.template;
  return {
    functionsDenied: lists.length === 0 ? functionsDenied : [...new Set(lists.flatMap((name) => read.list(at(name))))],
    sandboxDisabled: read.flag(at("disable_file_sandbox")),
    maxStaleMs: read.within(at("max_stale"), STALE_MS, 0, YEARS_MS),
    blockQueryWaitMs: read.within(at("block_query_wait"), 60 * SECOND_MS, SECOND_MS, 10 * 60 * SECOND_MS),
    wait: span(read, at("wait"), wait),
    waitBounds: read.hasBelow(at("wait_bounds")) ? span(read, at("wait_bounds"), { minMs: 0, maxMs: YEARS_MS }) : null,
    vaultDefaultLeaseMs: read.within(at("vault_default_lease_duration"), LEASE_MS, SECOND_MS, YEARS_MS),
  };
}

function span(read: SettingReader, at: string, fallback: { minMs: number; maxMs: number }): { minMs: number; maxMs: number } {
  const given = { min: read.has(`${at}.min`), max: read.has(`${at}.max`) };
  const limit = { minMs: fallback.minMs, maxMs: fallback.maxMs };
  const maxGiven = given.max ? read.within(`${at}.max`, limit.maxMs, 0, YEARS_MS) : undefined;
  // What is left out gives way to what is written.
  const minMs = read.within(`${at}.min`, Math.min(limit.minMs, maxGiven ?? limit.minMs), 0, YEARS_MS);
  const maxMs = maxGiven ?? Math.max(limit.maxMs, minMs);
  if (minMs > maxMs) {
    read.problem(
      `${at}.min`,
      `${at}.min is ${minMs} ms, must be at most ${at}.max, ${maxMs} ms`,
      "A change waits for min at least, and for max at most.",
    );
  }
  return { minMs, maxMs };
}
