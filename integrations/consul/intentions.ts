/** Intentions as Consul answers them, and which of them decides. Pure. */
import type { Intention } from "#ports";

/** GET /v1/connect/intentions/match */
export interface ConsulIntention {
  /** Of those that `consul intention create` made; "" of others. */
  readonly ID?: string;
  readonly SourceName: string;
  readonly SourcePeer?: string;
  readonly DestinationName: string;
  readonly Action?: string;
  readonly Permissions?: readonly ConsulPermission[] | null;
  readonly Precedence: number;
}

interface ConsulPermission {
  readonly Action: string;
  readonly HTTP?: {
    readonly PathExact?: string;
    readonly PathPrefix?: string;
    readonly PathRegex?: string;
    readonly Methods?: readonly string[] | null;
    readonly Header?: readonly { readonly Name: string; readonly Invert?: boolean }[] | null;
  } | null;
}

export function intentionOf({
  ID = "",
  SourceName,
  SourcePeer,
  DestinationName,
  Action,
  Permissions,
  Precedence,
}: ConsulIntention): Intention {
  const permissions = (Permissions ?? []).map(permissionText);
  return {
    source: SourcePeer === undefined || SourcePeer === "" ? SourceName : `${SourceName} (peer ${SourcePeer})`,
    destination: DestinationName,
    action: permissions.length > 0 ? "permissions" : Action === "allow" ? "allow" : "deny",
    permissions,
    precedence: Precedence,
    ...(ID === "" && { declared: true as const }),
  };
}

/** "allow GET,POST /public*, header x-user" */
function permissionText({ Action, HTTP }: ConsulPermission): string {
  const path = HTTP?.PathExact || (HTTP?.PathPrefix ? `${HTTP.PathPrefix}*` : "") || (HTTP?.PathRegex ? `~${HTTP.PathRegex}` : "") || "*";
  const methods = HTTP?.Methods ?? [];
  const headers = (HTTP?.Header ?? []).map(({ Name, Invert }) => `${Invert === true ? "not " : ""}header ${Name}`);
  return [`${Action}${methods.length > 0 ? ` ${methods.join(",")}` : ""} ${path}`, ...headers].join(", ");
}

/** The more precise first; of those alike a name before "*", then by name: always in one order. */
export function byPrecedence(intentions: readonly Intention[]): readonly Intention[] {
  const key = ({ source, destination, action }: Intention) => `${destination} ${source} ${action}`;
  const seen = new Map(intentions.map((each) => [key(each), each]));
  return [...seen.values()].toSorted(
    (left, right) => right.precedence - left.precedence || (key(left) < key(right) ? -1 : key(left) > key(right) ? 1 : 0),
  );
}

/** Of those that name the destination: the one that decides for this source; undefined: none, the default does. */
export function deciding(intentions: readonly Intention[], source: string, destination: string): Intention | undefined {
  return byPrecedence(intentions).find(
    (each) => (each.source === source || each.source === "*") && (each.destination === destination || each.destination === "*"),
  );
}

/** With permissions: whether any request at all may be. */
export function allows({ action, permissions }: Intention): boolean {
  return action === "allow" || (action === "permissions" && permissions.some((each) => each.startsWith("allow")));
}
