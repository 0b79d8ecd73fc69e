/** consul { service_identity, task_identity }, vault { default_identity } → what workloads are given that say nothing themselves. */
import type { DefaultIdentity } from "#jobspec";
import type { SettingReader } from "./setting-reader.ts";

const HOUR_NS = 3_600_000_000_000;

/** `dev`: no block is needed. `audience`: of whom it is made for, "consul.io". null: none. */
export function resolveIdentity(
  read: SettingReader,
  at: string,
  { dev, audience }: { dev: boolean; audience: string },
): DefaultIdentity | null {
  if (!read.hasBelow(at)) return dev ? { aud: [audience], ttlNs: HOUR_NS, env: false, file: false, filepath: "", extraClaims: {} } : null;
  const aud = read.list(`${at}.aud`);
  if (aud.length === 0)
    read.problem(
      read.has(`${at}.aud`) ? `${at}.aud` : `${at}.ttl`,
      `${at} has no aud`,
      `Name who it is for: aud = [${JSON.stringify(audience)}].`,
    );
  return {
    aud,
    ttlNs: read.within(`${at}.ttl`, 0, 0, Number.MAX_SAFE_INTEGER) * 1e6,
    env: read.flag(`${at}.env`),
    file: read.flag(`${at}.file`),
    filepath: read.text(`${at}.filepath`, ""),
    extraClaims: read.map(`${at}.extra_claims`),
  };
}
