/**
 * Runs inside a machine of a test's own (cluster-world.ts) and lets the test in: a socket in the file system, which no network divides. Who
 * connects writes one line "host:port", then what follows goes there and back.
 */
import { connect, createServer, type Socket } from "node:net";

const [, , path = ""] = process.argv;

createServer((caller) => {
  let head = Buffer.alloc(0);
  caller.on("error", () => caller.destroy());
  const hear = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\n");
    if (end < 0) return;
    caller.off("data", hear);
    caller.pause();
    join(caller, head.subarray(0, end).toString(), head.subarray(end + 1));
  };
  caller.on("data", hear);
}).listen(path, () => void process.stdout.write("ready\n"));

// It ends with who started it.
process.stdin.resume().on("end", () => process.exit(0));

function join(caller: Socket, target: string, rest: Buffer): void {
  const colon = target.lastIndexOf(":");
  const callee = connect(Number(target.slice(colon + 1)), target.slice(0, colon));
  callee.on("error", () => caller.destroy());
  // What was said before goes out first: a long answer is longer than the pipe.
  callee.on("close", () => caller.destroySoon());
  caller.on("close", () => callee.destroySoon());
  callee.write(rest);
  callee.pipe(caller);
  caller.pipe(callee);
}
