/**
 * From when the link listens until the server ends: it joins the others, and nodes are told who the servers are, whenever that changes. It may end
 * while it still joins: what is begun after that is ended at once.
 *
 *   begin ──joins──► tells, and looks again every MEMBERS_LOOK_MS ──close──► over
 *             └────────────────────────close─────────────────────────────────┘
 */
import type { ServedLink } from "#integrations/link";
import type { Clock, Membership, Timer } from "#ports";

export interface MeetingNeeds {
  readonly membership: Pick<Membership, "members">;
  /** Undefined: it is found where it says it is (a Consul that others use too). Rejects with JOIN_FAILED. */
  readonly join: (() => Promise<{ close(): void }>) | undefined;
  readonly clock: Clock;
}

export interface Meeting {
  /** Resolves when it has joined, or is closed. Rejects as `join` does. */
  begin(served: Pick<ServedLink, "tellServers">): Promise<void>;
  close(): void;
}

const MEMBERS_LOOK_MS = 2_000;

export function createMeeting({ membership, join, clock }: MeetingNeeds): Meeting {
  let over = false;
  let timer: Timer | undefined;
  let joining: { close(): void } | undefined;
  let told = "";

  async function look(served: Pick<ServedLink, "tellServers">): Promise<void> {
    const members = await membership.members();
    const servers = members.filter(({ Status }) => Status === "alive").map(({ RpcAddress }) => RpcAddress);
    const text = servers.toSorted().join(" ");
    if (over || text === told || servers.length === 0) return;
    told = text;
    served.tellServers(servers);
  }
  /** One look at a time: an older answer never comes after a newer one. */
  async function lookOn(served: Pick<ServedLink, "tellServers">): Promise<void> {
    await look(served).catch(() => undefined);
    if (!over) timer = clock.after(MEMBERS_LOOK_MS, () => void lookOn(served));
  }

  return {
    async begin(served) {
      joining = await join?.();
      if (over) return joining?.close();
      void lookOn(served);
    },
    close() {
      over = true;
      timer?.cancel();
      joining?.close();
    },
  };
}
