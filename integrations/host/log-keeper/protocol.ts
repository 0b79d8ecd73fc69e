/**
 * Words between an agent and the log keeper: JSON, a line each, over a unix socket. Every call may be repeated.
 * A keeper of another version is asked to leave (`leave`): what tasks write meanwhile waits in the pipes.
 */
export const KEEPER_VERSION = 1;

export interface Registration {
  readonly id: string;
  /** `<allocation>/alloc/logs` */
  readonly directory: string;
  readonly task: string;
  readonly maxFiles: number;
  readonly maxFileBytes: number;
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

export type KeeperCall =
  | { readonly call: "hello" }
  | { readonly call: "open"; readonly registration: Registration }
  | { readonly call: "drain"; readonly id: string }
  | { readonly call: "close"; readonly id: string }
  | { readonly call: "list" }
  /** Drain everything and end; what is registered stays so on disk. */
  | { readonly call: "leave" };

export interface KeeperRequest {
  readonly number: number;
  readonly body: KeeperCall;
}

export interface KeeperAnswer {
  readonly number: number;
  /** "" when it was done. */
  readonly error: string;
  readonly ids?: readonly string[];
  readonly version?: number;
}

/** Splits what arrives into lines. */
export function lineSplitter(take: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) take(line);
  };
}
