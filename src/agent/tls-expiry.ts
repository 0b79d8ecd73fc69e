/** Certificates that end within thirty days: told at the start, at every reload, and each day until they are replaced. Of servers and nodes alike. */
import type { Clock } from "#ports";
import type { AgentLog } from "./log.ts";
import type { AgentTls } from "./tls.ts";

export interface ExpiryWatch {
  /** These are the ones from now on. */
  renew(tls: AgentTls): void;
  close(): void;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const FIX = 'Make new ones (drover tls cert create), put them in their places and send the agent SIGHUP: "drover help tls".';

/** undefined: there is no TLS, and none can be turned on without a restart. */
export async function watchExpiry(
  tls: AgentTls,
  { clock, log }: { readonly clock: Clock; readonly log: AgentLog },
): Promise<ExpiryWatch | undefined> {
  if (tls.link === undefined && tls.http === undefined) return undefined;
  const { expiryWarnings } = await import("#integrations/link");
  let current = filesOf(tls);
  const look = (): void => {
    for (const warning of expiryWarnings(current, clock.nowMs())) log.write("WARN", "tls", warning, { fix: FIX });
  };
  const lookDaily = (): ReturnType<Clock["after"]> =>
    clock.after(DAY_MS, () => {
      look();
      timer = lookDaily();
    });
  look();
  let timer = lookDaily();
  return {
    renew(next) {
      current = filesOf(next);
      look();
    },
    close: () => timer.cancel(),
  };
}

/** Both doors show the same files. */
function filesOf({ link, http }: AgentTls): { readonly ca: Buffer; readonly cert: Buffer } {
  if (link !== undefined) return link;
  return { ca: Buffer.from(http?.clientAuthorities ?? ""), cert: Buffer.from(http?.certificate ?? "") };
}
