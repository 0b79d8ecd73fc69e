/** What the log and its worker thread say to each other. Requests are answered by id; order is the order of sending. */
export type LogRequest =
  | { readonly id: number; readonly kind: "append"; readonly entries: readonly Uint8Array[] }
  | { readonly id: number; readonly kind: "read"; readonly from: number; readonly countMax: number; readonly bytesMax: number }
  | { readonly id: number; readonly kind: "cut"; readonly through: number }
  | { readonly id: number; readonly kind: "reset"; readonly after: number; readonly clusterId: string }
  | { readonly id: number; readonly kind: "close" };

export type LogReply =
  | { readonly id: number; readonly kind: "opened"; readonly clusterId: string; readonly firstIndex: number; readonly lastIndex: number }
  | { readonly id: number; readonly kind: "appended"; readonly firstIndex: number; readonly lastIndex: number }
  | { readonly id: number; readonly kind: "entries"; readonly entries: readonly { readonly index: number; readonly data: Uint8Array }[] }
  | { readonly id: number; readonly kind: "done"; readonly firstIndex: number; readonly lastIndex: number }
  | { readonly id: number; readonly kind: "failed"; readonly code: string; readonly message: string; readonly fix?: string };

export interface LogWorkerOptions {
  /** The database's path. */
  readonly path: string;
  /** Given to a log that is made now; one that exists keeps its own. */
  readonly clusterId: string;
  /** Appends beyond this size are refused as a full disk would. */
  readonly sizeMaxBytes: number | null;
}

/** The opening's answer. */
export const OPEN_ID = 0;
