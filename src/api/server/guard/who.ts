/**
 * Who asks. On a server its own access control says it; an agent without one asks the server its node is connected to, over the servers' own
 * link, and keeps the answer for a moment.
 */
import { createHash } from "node:crypto";
import { request as ask } from "node:http";
import type { Grant } from "#access";
import type { Clock } from "#ports";
import { messageOf, NamedError } from "#std";
import { endpointPath, HEADERS } from "../../contract/mod.ts";
import type { ApiOptions } from "../facts.ts";
import { noLeader } from "../refusal.ts";

/** As the API needs it of whoever knows. */
export interface Access {
  readonly enabled: boolean;
  resolve(token: string): Promise<Grant>;
}

/** Undefined: everybody may everything. */
export function accessOf({ server, access }: Pick<ApiOptions, "server" | "access">): Access | undefined {
  const found: Access | undefined = access ?? server?.access;
  return found?.enabled === true ? found : undefined;
}

const KEPT_MS = 5000;
const KEPT_MAX = 1000;
const ANSWER_MS = 10_000;

/** For an agent without a server. A token that is deleted may still be believed here for five seconds. */
export function accessThroughServer(open: NonNullable<ApiOptions["serverApi"]>, clock: Clock): Access {
  const kept = new Map<string, { readonly untilMs: number; readonly grant: Grant }>();
  return {
    enabled: true,
    async resolve(token) {
      const key = createHash("sha256").update(token).digest("base64");
      const nowMs = clock.nowMs();
      const known = kept.get(key);
      if (known !== undefined && known.untilMs > nowMs) return known.grant;
      kept.delete(key);
      const grant = await askServer(open, token);
      if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value as string);
      kept.set(key, { untilMs: Math.min(nowMs + KEPT_MS, grant.ExpiresAtMs ?? Infinity), grant });
      return grant;
    },
  };
}

async function askServer(open: NonNullable<ApiOptions["serverApi"]>, token: string): Promise<Grant> {
  const connection = await open().catch(() => {
    throw noLeader("This agent's node is connected to no server that could say who asks: look at its log.");
  });
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = ask({
      path: endpointPath("acl-grant", {}),
      createConnection: () => connection as never,
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: { host: "localhost", connection: "close", ...(token === "" ? {} : { [HEADERS.token]: token }) },
    });
    asked.once("error", reject);
    asked.once("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => (text += part));
      answer.once("end", () => resolve({ status: answer.statusCode ?? 500, text }));
      answer.once("error", reject);
    });
    asked.end();
  })
    .catch((cause: unknown) => {
      throw new NamedError("API_SERVER_UNREACHABLE", `Cannot ask a server who asks: ${messageOf(cause)}`, { statusCode: 500, cause });
    })
    .finally(() => connection.destroy());
  if (status !== 200) throw new NamedError("API_DENIED", text, { statusCode: status });
  return JSON.parse(text) as Grant;
}
