import type { LinkConnection } from "#ports";

/** Whoever wants to hear of the whole registry: asked for on each connection, from the first who wants it. */
export function followingServices(wanted: boolean): { begin(): void; on(connection: LinkConnection | undefined): void } {
  let begun = wanted;
  let now: LinkConnection | undefined;
  const follow = () => {
    const connection = now;
    // When it fails the connection is lost, and the next one begins anew.
    if (begun) connection?.followServices().catch(() => connection.close());
  };
  return {
    begin: () => {
      if (begun) return;
      begun = true;
      follow();
    },
    on: (connection) => {
      now = connection;
      follow();
    },
  };
}
