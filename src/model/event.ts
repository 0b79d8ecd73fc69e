/** The event stream's noun. nomad.md §3.4. */
export interface Event {
  readonly Topic: string;
  readonly Type: string;
  readonly Key: string;
  readonly Namespace: string;
  readonly FilterKeys: readonly string[];
  readonly Index: number;
  /** {"Allocation": {…}} */
  readonly Payload: Readonly<Record<string, unknown>>;
}
