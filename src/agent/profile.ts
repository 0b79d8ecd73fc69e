/** V8's profiles of this very process, as its own inspector takes them; Chromium's developer tools and `speedscope` open them. */
import { Session } from "node:inspector/promises";
import type { Profile } from "#api/server";

export async function takeProfile(profile: Profile, seconds: number, signal: AbortSignal): Promise<Uint8Array> {
  if (profile === "cmdline") return Buffer.from(process.argv.join("\u0000"));
  const session = new Session();
  session.connect();
  try {
    if (profile === "profile") {
      await session.post("Profiler.enable");
      await session.post("Profiler.start");
      await passed(seconds, signal);
      return Buffer.from(JSON.stringify((await session.post("Profiler.stop")).profile));
    }
    await session.post("HeapProfiler.startSampling");
    await passed(seconds, signal);
    return Buffer.from(JSON.stringify((await session.post("HeapProfiler.stopSampling")).profile));
  } finally {
    session.disconnect();
  }
}

/** Whoever asked has gone: what there is so far is made and dropped. */
function passed(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
