/** What Vault answers → a Reading, in the shapes of ports/thing.ts. Pure: chance and the time of day are arguments. */
import { X509Certificate } from "node:crypto";
import type { Lease, Reading } from "#ports";

/** Of Vault's answers; numbers are { "#number": text }. */
export interface Envelope {
  readonly request_id?: string;
  readonly lease_id?: string;
  readonly lease_duration?: unknown;
  readonly renewable?: boolean;
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly auth?: Readonly<Record<string, unknown>> | null;
  readonly wrap_info?: Readonly<Record<string, unknown>> | null;
}

export interface ReadingNeeds {
  /** How long what has no lease is good for. */
  readonly defaultLeaseMs: number;
  /** 0 ≤ chance < 1: so that not everybody comes back at the same moment. */
  readonly chance: number;
  readonly nowMs: number;
}

/** Tasks wait for what is not there yet, people for those tasks: it is looked at often. */
const ABSENT_AGAIN_MS = 5_000;
/** Writing makes something each time: another version, another ciphertext, for which a task may be restarted. As rarely as consul-template does. */
const WRITTEN_AGAIN_MS = 5 * 60_000;
export const nothingThere = (defaultLeaseMs: number): Reading => ({
  value: undefined,
  index: "",
  againMs: Math.min(defaultLeaseMs, ABSENT_AGAIN_MS),
  private: false,
  lease: null,
});

/** `written`: the reading made something. `leaseName`: how the lease is called when it is given back. */
export function secretReading(
  envelope: Envelope,
  { written, leaseName }: { readonly written: boolean; readonly leaseName: (id: string) => string },
  needs: ReadingNeeds,
): Reading {
  const id = envelope.lease_id ?? "";
  const seconds = numberOf(envelope.lease_duration);
  const renewable = envelope.renewable === true;
  const lease = id === "" ? null : { id: leaseName(id), durationMs: seconds * 1000, renewable };
  const wrapped = isFull(envelope.wrap_info) ? envelope.wrap_info : undefined;
  const isPrivate = lease !== null || written || wrapped !== undefined;
  const value = {
    // Of what is read again and again it would be another each time: a change that is none.
    RequestID: isPrivate ? (envelope.request_id ?? "") : "",
    LeaseID: id,
    LeaseDuration: seconds,
    Renewable: renewable,
    Data: envelope.data ?? {},
    Auth: isFull(envelope.auth) ? authOf(envelope.auth) : null,
    WrapInfo: wrapped === undefined ? null : wrapOf(wrapped),
  };
  const defaultLeaseMs = written ? Math.max(needs.defaultLeaseMs, WRITTEN_AGAIN_MS) : needs.defaultLeaseMs;
  return { value, index: "", againMs: againMs(envelope, lease, { ...needs, defaultLeaseMs }), private: isPrivate, lease };
}

/**
 * A lease that can be renewed says itself when it is time; another: near its end, as consul-template does (90 % of it, ±5). A secret that
 * Vault rotates says when the next comes. Anything else has no end that would be known: it is looked at every `defaultLeaseMs`, or sooner
 * where its author gave it a ttl (KV of version 1).
 */
function againMs(
  { data, auth, lease_duration }: Envelope,
  lease: Lease | null,
  { defaultLeaseMs, chance, nowMs }: ReadingNeeds,
): number | null {
  if (lease !== null && lease.id !== "" && lease.renewable && lease.durationMs > 0) return null;
  if (lease !== null) return part(lease.durationMs, 0.85 + chance * 0.1);
  const rotatesInMs = numberOf(data?.["ttl"]) * 1000;
  if ((data?.["rotation_period"] ?? data?.["rotation_schedule"]) !== undefined && rotatesInMs > 0) return rotatesInMs + 1000;
  const liveMs = certificateLifeMs(data ?? {}, nowMs) ?? numberOf(data?.["secret_id_ttl"]) * 1000;
  if (liveMs > 0) return part(liveMs, 0.67 + chance * 0.1);
  const authMs = numberOf(auth?.["lease_duration"]) * 1000;
  if (authMs > 0) return part(authMs, 0.85 + chance * 0.1);
  const adviceMs = numberOf(lease_duration) * 1000;
  return adviceMs > 0 ? Math.min(adviceMs, defaultLeaseMs) : defaultLeaseMs;
}

/**
 * A certificate that was issued. Read anew when two thirds of its life are over (up to 10 % later, by chance): there is time then for a
 * Vault that is away for a while. consul-template waits for nine tenths.
 */
export function certificateReading(
  envelope: Envelope,
  leaseName: (id: string) => string,
  { chance, nowMs, defaultLeaseMs }: ReadingNeeds,
): Reading {
  const data = envelope.data ?? {};
  const chain = Array.isArray(data["ca_chain"]) ? data["ca_chain"].map(pemOf).filter((pem) => pem !== "") : [];
  const [Cert, CA, Key] = [pemOf(data["certificate"]), pemOf(data["issuing_ca"]), pemOf(data["private_key"])];
  const CAChain = chain.length > 0 || CA === "" ? chain : [CA];
  const value = { Cert, CA, CAChain, Key, Pem: [Cert, ...CAChain, Key].join("") };
  const lifeMs = certificateLifeMs(data, nowMs) ?? defaultLeaseMs;
  const id = envelope.lease_id ?? "";
  const lease = { id: id === "" ? "" : leaseName(id), durationMs: lifeMs, renewable: false };
  return { value, index: "", againMs: part(lifeMs, 0.67 + chance * 0.1), private: true, lease };
}

/** What is left of it; undefined: no certificate. */
function certificateLifeMs(data: Readonly<Record<string, unknown>>, nowMs: number): number | undefined {
  const { certificate } = data;
  if (typeof certificate !== "string" || certificate === "") return undefined;
  const expiresMs = numberOf(data["expiration"]) * 1000;
  if (expiresMs > 0) return Math.max(0, expiresMs - nowMs);
  try {
    return Math.max(0, new X509Certificate(certificate).validToDate.getTime() - nowMs);
  } catch {
    return undefined;
  }
}

/** Never at once, over and over. */
const part = (ms: number, fraction: number): number => Math.max(1000, Math.round(ms * fraction));

const pemOf = (text: unknown): string => (typeof text !== "string" || text.trim() === "" ? "" : `${text.trim()}\n`);

const isFull = (value: Readonly<Record<string, unknown>> | null | undefined): value is Readonly<Record<string, unknown>> =>
  value !== null && value !== undefined;

function authOf(auth: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    ClientToken: auth["client_token"] ?? "",
    Accessor: auth["accessor"] ?? "",
    Policies: auth["policies"] ?? [],
    Metadata: auth["metadata"] ?? {},
    LeaseDuration: numberOf(auth["lease_duration"]),
    Renewable: auth["renewable"] === true,
  };
}

function wrapOf(wrap: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    Token: wrap["token"] ?? "",
    TTL: numberOf(wrap["ttl"]),
    CreationTime: wrap["creation_time"] ?? "",
    CreationPath: wrap["creation_path"] ?? "",
    WrappedAccessor: wrap["wrapped_accessor"] ?? "",
  };
}

/** 0 for what is none. */
export function numberOf(value: unknown): number {
  const text = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)["#number"] : value;
  const number = typeof text === "number" || typeof text === "string" ? Number(text) : 0;
  return Number.isFinite(number) ? number : 0;
}
