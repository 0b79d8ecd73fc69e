/** Runs a `change_script` inside its task. Resolves to why it went wrong, for people; undefined: it went well. */
import type { Clock, ExecSession } from "#ports";
import { messageOf } from "#std";
import type { ChangeScript } from "./plan.ts";

export async function runScript(
  script: ChangeScript,
  exec: (command: readonly string[]) => Promise<ExecSession>,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  let session: ExecSession;
  try {
    session = await exec([script.Command, ...(script.Args ?? [])]);
  } catch (thrown) {
    return messageOf(thrown);
  }
  session.end();
  const timeoutMs = script.Timeout / 1e6;
  const timed = Promise.withResolvers<"late" | "over">();
  const timer = clock.after(timeoutMs, () => timed.resolve("late"));
  const over = () => timed.resolve("over");
  signal.addEventListener("abort", over, { once: true });
  // Read to its end, so that it never waits for a reader. What it says may hold secrets: it is for nobody.
  const drained = drain(session);
  try {
    const code = await Promise.race([session.exited, timed.promise]);
    if (code === "late" || code === "over") {
      session.kill();
      return code === "late" ? `it did not end within ${timeoutMs / 1000}s and was killed` : "the task ended";
    }
    return code === 0 ? undefined : `Exit code: ${code}${MEANINGS[code] ?? ""}`;
  } catch (thrown) {
    session.kill();
    return messageOf(thrown);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", over);
    void drained.catch(() => undefined);
  }
}

/** As shells and drivers say it. */
const MEANINGS: Readonly<Record<number, string>> = {
  126: " (it cannot be run: is it executable?)",
  127: " (there is no such program where the task runs)",
};

async function drain(session: ExecSession): Promise<void> {
  for await (const chunk of session.output) void chunk;
}
