/**
 * The supervisor of a raw_exec task, as data: a few lines of POSIX shell, and nothing else stays beside the task.
 *
 *   agent ── spawn, detached ──▶ supervisor (sh, own session, clean environment)
 *                                  │ waits in the FOREGROUND (a background job would ignore SIGINT), then writes `exit`
 *                                  ▼
 *                                preparer (setsid sh): joins the cgroup, opens the pipes, writes `pid`
 *                                  │ exec
 *                                  ▼
 *                                [nsenter: enters the network] [setpriv: becomes the user] ── exec ──▶ entrant (sh): takes the environment ── exec ──▶ the task
 *
 * One pid from the preparer to the task. The supervisor is not in the task's cgroup, so killing everything of the task leaves
 * the status to be written. The environment and the task's words never stand on a command line of ours, which everybody on the
 * machine may read for as long as the task lives, and never reach a shell that still is root: they come as `export` and `set`
 * lines on fd 4, an unlinked file, so they are whole before anything starts. fd 3 tells the agent how it went
 * ("r" ready, "f" failed: see the file `failed`); nobody depends on the agent hearing it.
 *
 * Files, in the task's record directory: supervisor, pid (a line of /proc/PID/stat each), failed (a reason), exit (a status).
 * Each is one write that ends in a newline: without the newline it is not there yet.
 */
import { quote } from "../session/terminal.ts";

/** $0: SUPERVISOR_NAME, $1: the task's id, $2: record directory, $3: "setsid" or "", $4: shell and flags, $5…: see PREPARER. */
const SUPERVISOR = `
umask 077
cd "$2" || exit 125
set -C
line=$$
read -r line </proc/$$/stat
printf '%s\\n' "$line" >supervisor || exit 125
set +C
session=$3 shell=$4
shift 4
$session $shell -c "$@"
printf '%s\\n' "$?" >exit
`;

/** $1: record directory, $2: cgroup.procs files, one a line, $3: work directory, $4: stdout, $5: stderr, $6: oom_score_adj or "", $7…: who to become, and the entrant. */
const PREPARER = `
fail() { printf '%s\\n' "$1" >"$directory/failed"; printf f >&3; exit 125; }
directory=$1
spaces=$IFS IFS='
'
for procs in $2; do echo $$ >"$procs" || fail "cannot join cgroup $procs"; done
IFS=$spaces
if [ -n "$6" ]; then echo "$6" >/proc/self/oom_score_adj || fail "cannot set oom_score_adj to $6: lowering it needs CAP_SYS_RESOURCE"
elif [ -w /proc/self/oom_score_adj ]; then echo 0 >/proc/self/oom_score_adj; fi
cd "$3" || fail "cannot enter work_dir $3"
[ -w "$4" ] || fail "cannot write to $4"
[ -w "$5" ] || fail "cannot write to $5"
exec </dev/null 1<>"$4"
line=$$
read -r line </proc/$$/stat
printf '%s\\n' "$line" >"$directory/pid" || exit 125
exec 2<>"$5"
umask 022
shift 6
`;

/** The command is set by what it reads. A dead agent must not end the task with SIGPIPE, hence the trap; it is gone again after exec. */
const ENTRANT = `
environment=$(cat <&4)
unset PATH PWD OLDPWD SHLVL
eval "$environment"
unset environment
trap : PIPE
printf r >&3 2>/dev/null
trap - PIPE
exec 3>&- 4<&-
exec "$@"
`;

/** $1: cgroup.procs files, one a line, $2: work directory, $3…: who to become, and the entrant. */
const SESSION = `
spaces=$IFS IFS='
'
for procs in $1; do echo $$ >"$procs" || exit 126; done
IFS=$spaces
cd "$2" || exit 126
umask 022
shift 2
`;

/** The command is set by what it reads. */
const SESSION_ENTRANT = `
environment=$(cat <&4)
unset PATH PWD OLDPWD SHLVL SHELL
eval "$environment"
unset environment
exec 4<&-
exec "$@"
`;

/** Word 3 of the supervisor's command line, by which it is found. */
export const SUPERVISOR_NAME = "drover-raw_exec";

export interface Launch {
  readonly id: string;
  readonly recordDirectory: string;
  /** Files that take the pid; [] without cgroups. */
  readonly cgroupProcs: readonly string[];
  readonly workDirectory: string;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  readonly oomScoreAdjust: number | undefined;
  /** Words that enter the allocation's network, become the user, and then run the words after them; [] to stay where and who we are. */
  readonly becomeUser: readonly string[];
  readonly command: string;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly tools: { readonly setsid: boolean; readonly bash: string | undefined };
}

export interface SpawnRequest {
  readonly command: string;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What is read from fd 4: the environment, and the words of the command. */
  readonly environmentScript: string;
}

/** Everything the spawn needs, decided without touching the machine. */
export function spawnRequest(launch: Launch): SpawnRequest {
  const { shell, flags, viaEnv, inherited, exports } = shellFor(launch.environment, launch.tools.bash, launch.command);
  const task = [...viaEnv, launch.command, ...launch.words];
  const enter =
    launch.becomeUser.length === 0
      ? { script: PREPARER + ENTRANT, follows: [] }
      : { script: `${PREPARER}exec "$@"`, follows: [...launch.becomeUser, shell, ...flags, "-c", ENTRANT, "drover-task"] };
  return {
    command: shell,
    words: [
      ...flags,
      "-c",
      SUPERVISOR,
      SUPERVISOR_NAME,
      launch.id,
      launch.recordDirectory,
      launch.tools.setsid ? "setsid" : "",
      [shell, ...flags].join(" "),
      enter.script,
      "drover-task",
      launch.recordDirectory,
      launch.cgroupProcs.join("\n"),
      launch.workDirectory,
      launch.stdoutPath,
      launch.stderrPath,
      launch.oomScoreAdjust === undefined ? "" : String(launch.oomScoreAdjust),
      ...enter.follows,
    ],
    environment: { PATH: CLEAN_PATH, ...inherited },
    environmentScript: exports + setWords(task),
  };
}

/** Words that enter the task's place and become the command of a session; they read `environmentScript` from fd 4. */
export function sessionLaunch(session: {
  readonly procs: readonly string[];
  readonly workDirectory: string;
  readonly becomeUser: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly bash: string | undefined;
}): Pick<SpawnRequest, "words" | "environment" | "environmentScript"> & { readonly shell: string } {
  const { shell, flags, viaEnv, inherited, exports } = shellFor(session.environment, session.bash, session.command[0] ?? "");
  const task = [...viaEnv, ...session.command];
  const enter =
    session.becomeUser.length === 0
      ? { script: SESSION + SESSION_ENTRANT, follows: [] }
      : { script: `${SESSION}exec "$@"`, follows: [...session.becomeUser, shell, ...flags, "-c", SESSION_ENTRANT, "drover-exec"] };
  return {
    shell,
    words: [shell, ...flags, "-c", enter.script, "drover-exec", session.procs.join("\n"), session.workDirectory, ...enter.follows],
    environment: inherited,
    environmentScript: exports + setWords(task),
  };
}

/** How an environment gets past a shell unharmed. */
function shellFor(environment: Readonly<Record<string, string>>, bashHere: string | undefined, command: string) {
  const split = splitEnvironment(environment);
  const bash = Object.keys(split.odd).length > 0 ? bashHere : undefined;
  // What no shell can export goes through env(1). bash passes odd names on from its own environment, so they need not.
  const assigned = { ...(bash === undefined ? split.odd : {}), ...split.special };
  const assignments = Object.entries(assigned).map(([name, value]) => `${name}=${value}`);
  const clears = bash !== undefined && !command.includes("=") ? ["-u", "_", "-u", "SHLVL"] : [];
  return {
    shell: bash ?? "/bin/sh",
    flags: bash === undefined ? [] : ["-p"],
    viaEnv: assignments.length > 0 || clears.length > 0 ? ["/usr/bin/env", ...clears, ...assignments] : [],
    inherited: bash === undefined ? {} : split.odd,
    exports: Object.entries(split.plain)
      .map(([name, value]) => `export ${name}=${quote(value)}\n`)
      .join(""),
  };
}

const setWords = (words: readonly string[]): string => `set -- ${words.map(quote).join(" ")}\n`;

const CLEAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Variables a shell changes, refuses or keeps for itself. */
const SPECIAL = new Set([
  "_",
  "PWD",
  "OLDPWD",
  "OPTIND",
  "LINENO",
  "PPID",
  "UID",
  "EUID",
  "GROUPS",
  "SHELLOPTS",
  "BASHOPTS",
  "SHLVL",
  "RANDOM",
  "SRANDOM",
  "SECONDS",
  "EPOCHSECONDS",
  "EPOCHREALTIME",
  "HISTCMD",
  "DIRSTACK",
  "FUNCNAME",
  "IFS",
  "COMP_WORDBREAKS",
]);

interface SplitEnvironment {
  /** Names a shell can export. */
  readonly plain: Readonly<Record<string, string>>;
  /** Names no shell can assign ("NOMAD_PORT_my-label"), which the loader and the shells ignore. */
  readonly odd: Readonly<Record<string, string>>;
  readonly special: Readonly<Record<string, string>>;
}

export function splitEnvironment(environment: Readonly<Record<string, string>>): SplitEnvironment {
  const plain: Record<string, string> = {};
  const odd: Record<string, string> = {};
  const special: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    // A name the kernel would cut elsewhere is no name.
    if (name === "" || name.includes("=")) continue;
    if (SPECIAL.has(name) || name.startsWith("BASH_ARG") || name.startsWith("BASH_FUNC_")) special[name] = value;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) plain[name] = value;
    else odd[name] = value;
  }
  return { plain, odd, special };
}
