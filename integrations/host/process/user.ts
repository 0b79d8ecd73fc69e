/** Users by name or number, and the words that become one. */
import { readFileSync } from "node:fs";
import { NamedError } from "#std";
import { findExecutable } from "./executable.ts";
import { run } from "./run.ts";

export interface User {
  readonly uid: number;
  readonly gid: number;
  /** "" when the machine knows no name for it. */
  readonly name: string;
}

/** "nobody", "1000", "1000:1000", "web:staff". Throws DRIVER_TASK_INVALID for one the machine does not know. */
export async function findUser(text: string): Promise<User> {
  const [who = "", group] = text.split(":");
  const found = fromPasswd(who) ?? (await fromId(who));
  const numeric = /^\d+$/.test(who) ? { uid: Number(who), gid: Number(who), name: "" } : undefined;
  const user = found ?? numeric;
  if (user === undefined) {
    throw new NamedError("DRIVER_TASK_INVALID", `Cannot run as user "${text}": this machine has no such user`, { statusCode: 400 });
  }
  if (group === undefined || group === "") return user;
  const gid = /^\d+$/.test(group) ? Number(group) : groupId(group);
  if (gid === undefined) {
    throw new NamedError("DRIVER_TASK_INVALID", `Cannot run as user "${text}": this machine has no group "${group}"`, { statusCode: 400 });
  }
  return { ...user, gid };
}

/** Words to put before a command so that it runs as the user; [] when we are that user already. */
export function becomeUser(user: User): string[] {
  if (user.uid === process.getuid?.() && user.gid === process.getgid?.()) return [];
  if (process.getuid?.() !== 0) {
    throw new NamedError(
      "DRIVER_TASK_INVALID",
      `Cannot run as user "${user.name || user.uid}": the agent runs as uid ${process.getuid?.()}, wanted root`,
      {
        statusCode: 400,
        fix: "Leave `user` out, or run the agent as root.",
      },
    );
  }
  const setpriv = findExecutable("setpriv");
  if (setpriv !== undefined) {
    return [setpriv, `--reuid=${user.uid}`, `--regid=${user.gid}`, user.name === "" ? "--clear-groups" : "--init-groups", "--"];
  }
  const suExec = findExecutable("su-exec") ?? findExecutable("gosu");
  if (suExec !== undefined) return [suExec, `${user.uid}:${user.gid}`];
  throw new NamedError("DRIVER_TOOL_MISSING", `Cannot run as user "${user.name || user.uid}": neither setpriv nor su-exec is on PATH`, {
    fix: "Install util-linux (it has setpriv), or su-exec.",
  });
}

/** Ids of the groups that list the user, beside its own. */
export function groupsOf(user: User): number[] {
  if (user.name === "") return [];
  return readText("/etc/group")
    .split("\n")
    .flatMap((line) => {
      const [, , gid, members] = line.split(":");
      return members?.split(",").includes(user.name) === true && Number(gid) !== user.gid ? [Number(gid)] : [];
    });
}

function fromPasswd(who: string): User | undefined {
  for (const line of readText("/etc/passwd").split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name !== undefined && name !== "" && uid !== undefined && (name === who || uid === who))
      return { uid: Number(uid), gid: Number(gid), name };
  }
  return undefined;
}

/** For users that come from a directory service. */
async function fromId(who: string): Promise<User | undefined> {
  if (who === "" || who.startsWith("-")) return undefined;
  const [uid, gid, name] = await Promise.all([run("id", ["-u", who]), run("id", ["-g", who]), run("id", ["-un", who])]);
  if (uid.exitCode !== 0 || gid.exitCode !== 0) return undefined;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout), name: name.stdout.trim() };
}

function groupId(group: string): number | undefined {
  for (const line of readText("/etc/group").split("\n")) {
    const [name, , gid] = line.split(":");
    if (name === group) return Number(gid);
  }
  return undefined;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
