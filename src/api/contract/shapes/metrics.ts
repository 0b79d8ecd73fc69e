/** GET /v1/metrics, as JSON. nomad.md §3.5. */
export interface MetricsAnswer {
  /** "2006-01-02 15:04:05 +0000 UTC" */
  readonly Timestamp: string;
  readonly Gauges: readonly Gauge[];
  readonly Points: readonly unknown[];
  readonly Counters: readonly unknown[];
  /** Of the last ten seconds that are over, in milliseconds. */
  readonly Samples: readonly Sample[];
}

export interface Gauge {
  readonly Name: string;
  readonly Value: number;
  readonly Labels: Readonly<Record<string, string>>;
}

export interface Sample {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Count: number;
  /** Sum a second. */
  readonly Rate: number;
  readonly Sum: number;
  readonly Min: number;
  readonly Max: number;
  readonly Mean: number;
  readonly Stddev: number;
}
