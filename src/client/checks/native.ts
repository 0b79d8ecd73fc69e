/** Runs one http or tcp check of the node's own, again and again until it is stopped. nomad.md §2.8 "Nomad-native checks". */
import type { CheckInstance, CheckStanding, Clock, Probe, ProbeResult, Random, Timer } from "#ports";

export interface NativeResult {
  readonly standing: CheckStanding;
  /** HTTP's; 0 where there was none. */
  readonly statusCode: number;
  /** Unix milliseconds. */
  readonly atMs: number;
}

export interface NativeCheckNeeds {
  readonly check: CheckInstance;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly random: Random;
  readonly seen: (result: NativeResult) => void;
}

/** Returns what stops it. The first look comes after about half an interval: a service has its time to begin, and not all are asked at once. */
export function runNativeCheck({ check, probe, clock, random, seen }: NativeCheckNeeds): () => void {
  const stopping = new AbortController();
  const intervalMs = check.IntervalNs / 1e6;
  let timer: Timer;
  const arm = (delayMs: number) => (timer = clock.after(delayMs, () => void look()));
  const look = async (): Promise<void> => {
    const startedMs = clock.nowMs();
    const result = await askOnce(check, probe, stopping.signal);
    if (stopping.signal.aborted) return;
    seen({ standing: standingOf(check, result), statusCode: result.statusCode, atMs: clock.nowMs() });
    if (!stopping.signal.aborted) arm(Math.max(1, intervalMs - (clock.nowMs() - startedMs)));
  };
  arm((intervalMs / 2) * (0.9 + random.fraction() / 5));
  return () => {
    stopping.abort();
    timer.cancel();
  };
}

function askOnce(check: CheckInstance, probe: Probe, signal: AbortSignal): Promise<ProbeResult> {
  const timeoutMs = check.TimeoutNs / 1e6;
  if (check.Type === "tcp") return probe.tcp({ address: check.Address, port: check.Port, timeoutMs }, signal);
  return probe.http(
    {
      url: checkUrl(check),
      method: check.Method,
      headers: check.Header,
      body: check.Body,
      tlsServerName: check.TlsServerName,
      tlsSkipVerify: check.TlsSkipVerify,
      timeoutMs,
    },
    signal,
  );
}

export function checkUrl({ Protocol, Address, Port, Path }: Pick<CheckInstance, "Protocol" | "Address" | "Port" | "Path">): string {
  const host = Address.includes(":") ? `[${Address}]` : Address;
  return `${Protocol === "https" ? "https" : "http"}://${host}:${Port}${Path.startsWith("/") ? "" : "/"}${Path}`;
}

function standingOf(check: CheckInstance, result: ProbeResult): CheckStanding {
  if (result.passing) return { status: "passing", output: `nomad: ${check.Type} ok` };
  // What a server said speaks for itself.
  return { status: "critical", output: result.statusCode > 0 ? result.output : `nomad: ${result.output}` };
}
