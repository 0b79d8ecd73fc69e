/**
 * A command beside a mock task. It knows a few words: `cat` copies its input, `exit N` ends, `print NAME` shows a variable, `run` says
 * "ready" and goes on until it is killed. Anything else is not found (127), as in a shell.
 */
import type { ExecSession, TaskExec } from "#ports";

export function mockSession({ command, environment, tty, size }: TaskExec): ExecSession {
  const chunks: { stream: "stdout" | "stderr"; data: Uint8Array }[] = [];
  const exited = Promise.withResolvers<number>();
  let over = false;
  let changed = Promise.withResolvers<void>();
  const nudge = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const say = (stream: "stdout" | "stderr", text: string | Uint8Array) => {
    chunks.push({ stream: tty ? "stdout" : stream, data: typeof text === "string" ? Buffer.from(text) : text });
    nudge();
  };
  const end = (code: number) => {
    over = true;
    exited.resolve(code);
    nudge();
  };
  if (tty && size !== undefined) say("stdout", `size ${size.height} ${size.width}\n`);
  const [word = "", argument = ""] = command;
  if (word === "exit") end(Number(argument) || 0);
  else if (word === "print") {
    say("stdout", `${environment[argument] ?? ""}\n`);
    end(0);
  } else if (word === "run") say("stdout", "ready\n");
  else if (word !== "cat") {
    say("stderr", `${word}: not found\n`);
    end(127);
  }
  return {
    output: (async function* () {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk !== undefined) yield chunk;
        else if (over) return;
        else await changed.promise;
      }
    })(),
    write(data) {
      if (word === "cat" && !over) say("stdout", data);
      return Promise.resolve();
    },
    end() {
      if (word === "cat") end(0);
    },
    resize(height, width) {
      if (tty && !over) say("stdout", `size ${height} ${width}\n`);
    },
    exited: exited.promise,
    kill() {
      if (!over) end(137);
    },
  };
}
