import type { Gauge } from "../../contract/mod.ts";

export function gauge(Name: string, Value: number, Labels: Readonly<Record<string, string>> = {}): Gauge {
  return { Name, Value, Labels };
}

/** "ThrottledTime" → "throttled_time" */
export function snake(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
}
