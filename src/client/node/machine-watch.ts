import type { Node } from "#model";
import type { Timer } from "#ports";
import { messageOf } from "#std";
import type { ClientNeeds } from "../needs.ts";

/** Looks at machine and drivers again and again. */
export function watchMachine(
  needs: Pick<ClientNeeds, "settings" | "clock" | "report">,
  lookAt: () => Promise<Node>,
  seen: (node: Node) => void,
): { close(): void; lookNow(): void } {
  const { settings, clock, report } = needs;
  let timer: Timer | undefined;
  let closed = false;
  let looking = false;
  let again = false;
  const look = async () => {
    looking = true;
    try {
      const node = await lookAt();
      if (!closed) seen(node);
    } catch (thrown) {
      report({ level: "warn", message: "the machine could not be looked at", fields: { problem: messageOf(thrown) } });
    }
    looking = false;
    if (!closed) arm(again ? 0 : settings.fingerprintIntervalMs);
    again = false;
  };
  const arm = (delayMs: number) => (timer = clock.after(delayMs, () => void look()));
  arm(settings.fingerprintIntervalMs);
  return {
    close: () => {
      closed = true;
      timer?.cancel();
    },
    lookNow: () => {
      if (looking) again = true;
      else {
        timer?.cancel();
        arm(0);
      }
    },
  };
}
