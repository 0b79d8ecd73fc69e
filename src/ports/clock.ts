/** Time, as an argument. The host's maker is the wall clock; the simulation's advances when told to. */
export interface Timer {
  cancel(): void;
}
export interface Clock {
  /** Unix milliseconds, never going back within a process. */
  nowMs(): number;
  /** Unix nanoseconds as a double. */
  nowNs(): number;
  /** Runs `task` once, `delayMs` from now. Host timers keep the process alive only while `keepAlive` is true (default false). */
  after(delayMs: number, task: () => void): Timer;
  /** Resolves `delayMs` from now. */
  sleep(delayMs: number): Promise<void>;
}
