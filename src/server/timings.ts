/**
 * How long things take: a window of ten seconds that is over, as go-metrics shows it, and sums since the start. nomad.md §3.5.
 *
 * Whoever does a thing starts a watch and stops it; the clock counts milliseconds, so short things are 0 or 1 and right on average.
 * Bounded: the windows' counts and sums are exact, quantiles are of the first so many.
 */
import type { Clock } from "#ports";
import type { Timing } from "./contract.ts";

const WINDOW_MS = 10_000;
const VALUES_MAX = 1024;
const QUANTILES = [0.5, 0.9, 0.99];

export interface Timings {
  /** Stops when called. */
  start(name: string): () => void;
  /** By name; with Count 0 where nothing was timed in the window that is over. */
  read(): readonly Timing[];
}

interface Window {
  readonly number: number;
  count: number;
  sum: number;
  squares: number;
  min: number;
  max: number;
  readonly values: number[];
}

interface Series {
  window: Window;
  /** The one before. */
  over: Window | undefined;
  totalCount: number;
  totalSum: number;
}

export function createTimings(clock: Pick<Clock, "nowMs">): Timings {
  const all = new Map<string, Series>();
  const numberNow = () => Math.floor(clock.nowMs() / WINDOW_MS);

  /** Moved on to the window of now. */
  function current(series: Series): Window {
    const number = numberNow();
    if (series.window.number !== number) {
      series.over = series.window.number === number - 1 ? series.window : undefined;
      series.window = emptyWindow(number);
    }
    return series.window;
  }

  function note(name: string, ms: number): void {
    let series = all.get(name);
    if (series === undefined) {
      series = { window: emptyWindow(numberNow()), over: undefined, totalCount: 0, totalSum: 0 };
      all.set(name, series);
    }
    const window = current(series);
    window.count++;
    window.sum += ms;
    window.squares += ms * ms;
    window.min = Math.min(window.min, ms);
    window.max = Math.max(window.max, ms);
    if (window.values.length < VALUES_MAX) window.values.push(ms);
    series.totalCount++;
    series.totalSum += ms;
  }

  return {
    start(name) {
      const startedMs = clock.nowMs();
      return () => note(name, clock.nowMs() - startedMs);
    },
    read: () =>
      [...all].map(([name, series]) => {
        current(series);
        return timingOf(name, series);
      }),
  };
}

function emptyWindow(number: number): Window {
  return { number, count: 0, sum: 0, squares: 0, min: Infinity, max: 0, values: [] };
}

function timingOf(Name: string, { over, totalCount, totalSum }: Series): Timing {
  const { count, sum, squares, min, max, values } = over ?? emptyWindow(0);
  const sorted = values.toSorted((a, b) => a - b);
  const spread = count < 2 ? 0 : Math.sqrt(Math.max(0, (squares - (sum * sum) / count) / (count - 1)));
  return {
    Name,
    Count: count,
    Sum: sum,
    Rate: sum / (WINDOW_MS / 1000),
    Min: count === 0 ? 0 : min,
    Max: max,
    Mean: count === 0 ? 0 : sum / count,
    Stddev: spread,
    Quantiles: QUANTILES.map((at) => [at, sorted[Math.ceil(at * sorted.length) - 1] ?? NaN]),
    TotalCount: totalCount,
    TotalSum: totalSum,
  };
}
