/**
 * A small agent to be killed: a client with the host's real makers and a server that lives in a file, so that the next agent
 * finds the same servers. The story goes on by itself:
 *
 *   crash (fails, is run again once) + serve (a leader and a follower with a shutdown_delay)
 *     ─► serve runs: it is stopped, next (which replaces it) is placed
 *     ─► all is as it should be: prints "settled"; then, when asked to ("forget" on stdin, or at once with FORGET=1), the servers
 *        forget everything ─► prints "empty" when the node has too ─► ends
 *
 * Environment: DIRECTORY, DRIVER, KILL_AT (a kill point, or ""), FORGET.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CLIENT_DEFAULTS, startClient } from "#client";
import {
  createHostClock,
  createHostRandom,
  execDriver,
  hostClientStore,
  hostDisk,
  hostMachine,
  keptTaskLogs,
  rawExecDriver,
} from "#integrations/host";
import { createMemoryLink } from "#integrations/memory";
import type { Allocation, AllocationClientUpdate } from "#model";
import type { NodeEnd, TaskSockets, TokenExchange } from "#ports";
import { storyAllocations, type Story } from "./kill-points-story.ts";
import { QUIET_SERVERS } from "../quiet-servers.ts";

const directory = process.env["DIRECTORY"] as string;
const killAt = process.env["KILL_AT"] ?? "";
const driver = process.env["DRIVER"] as string;
assert.ok(directory !== undefined && driver !== undefined, "DIRECTORY and DRIVER are needed");

const bookPath = join(directory, "servers.json");
const story: Story = existsSync(bookPath)
  ? (JSON.parse(readFileSync(bookPath, "utf8")) as Story)
  : { index: 1, chapter: "begin", allocations: {}, ids: storyAllocations(driver).map((each) => each.ID) };
const [crash, serve, next] = storyAllocations(driver, story.ids) as [Allocation, Allocation, Allocation];
let end: NodeEnd | undefined;
let told = false;
let forgetWanted = process.env["FORGET"] === "1";

function write(): void {
  writeFileSync(`${bookPath}.new`, JSON.stringify(story));
  renameSync(`${bookPath}.new`, bookPath);
}

function put(...allocations: Allocation[]): void {
  story.index++;
  const Changed = allocations.map((each) => ({ ...each, AllocModifyIndex: story.index }));
  for (const each of Changed) story.allocations[each.ID] = each;
  write();
  end?.allocationsChanged({ ClusterId: "story", Index: story.index, Complete: false, Changed, Gone: [] });
}

/** What the servers do next, from what they know. */
function turnPage(): void {
  const status = (of: Allocation) => story.allocations[of.ID]?.ClientStatus;
  if (story.chapter === "begin") {
    story.chapter = "serving";
    put(crash, serve);
  }
  if (story.chapter === "serving" && bothRun(story.allocations[serve.ID]) && began(serve, "main") && began(serve, "lead")) {
    story.chapter = "replacing";
    put({ ...(story.allocations[serve.ID] as Allocation), DesiredStatus: "stop" }, next);
  }
  if (
    story.chapter === "replacing" &&
    status(serve) === "complete" &&
    status(next) === "running" &&
    status(crash) === "failed" &&
    began(next, "main")
  ) {
    story.chapter = "settled";
    write();
  }
  if (story.chapter === "settled") {
    if (!told) console.log("settled");
    told = true;
    if (forgetWanted) forget();
  }
}

function forget(): void {
  story.chapter = "forgotten";
  story.index++;
  const Gone = Object.values(story.allocations).map((each) => each.ID);
  story.allocations = {};
  write();
  end?.allocationsChanged({ ClusterId: "story", Index: story.index, Complete: false, Changed: [], Gone });
}

/** The task's own first words: "running" only says that it was started. */
function began(of: Allocation, task: string): boolean {
  return existsSync(join(directory, "alloc", of.ID, "alloc", "data", `starts-${task}`));
}

function bothRun(allocation: Allocation | undefined): boolean {
  return Object.values(allocation?.TaskStates ?? {}).filter((state) => state.State === "running").length === 2;
}

function take(updates: readonly AllocationClientUpdate[]): void {
  for (const update of updates) {
    const known = story.allocations[update.ID];
    if (known !== undefined) story.allocations[update.ID] = { ...known, ClientStatus: update.ClientStatus, TaskStates: update.TaskStates };
  }
  write();
  setImmediate(turnPage);
}

const link = createMemoryLink({
  connect: (_node, nodeEnd) =>
    Promise.resolve({
      register: () => {
        end = nodeEnd;
        nodeEnd.allocationsChanged({
          ClusterId: "story",
          Index: story.index,
          Complete: true,
          Changed: Object.values(story.allocations),
          Gone: [],
        });
        setImmediate(turnPage);
        return Promise.resolve({ HeartbeatTtlMs: 30_000 });
      },
      heartbeat: () => Promise.resolve({ HeartbeatTtlMs: 30_000 }),
      updateAllocations: (updates) => Promise.resolve(take(updates)),
      ...QUIET_SERVERS,
      signIdentities: (requests) =>
        Promise.resolve(requests.map((Request) => ({ Request, JWT: "story.jwt.text", IssuedAt: 1, ExpiresAt: 0 }))),
      close: () => {},
    }),
});

// What other systems have given out, in a file that outlives the agent. Written a moment after the answer: no kill can lie between the two.
const tokensPath = join(directory, "tokens.json");
const tokens = new Set<string>(existsSync(tokensPath) ? (JSON.parse(readFileSync(tokensPath, "utf8")) as string[]) : []);
const keepTokens = () => {
  writeFileSync(`${tokensPath}.new`, JSON.stringify([...tokens]));
  renameSync(`${tokensPath}.new`, tokensPath);
};
const tokenExchange: TokenExchange = {
  exchange: async () => {
    const token = { AccessorID: randomUUID(), SecretID: randomUUID(), expiresAtMs: null };
    tokens.add(token.SecretID);
    setImmediate(keepTokens);
    return token;
  },
  revoke: async (secret) => {
    tokens.delete(secret);
    keepTokens();
  },
  known: async (secret) => tokens.has(secret),
};
/** A file where a socket would be. */
const taskSockets: TaskSockets = {
  open: async (path) => {
    writeFileSync(path, "");
    return { close: async () => rmSync(path, { force: true }) };
  },
};

const stateDirectory = join(directory, "client");
mkdirSync(join(directory, "alloc"), { recursive: true });
const client = await startClient({
  link,
  tokenExchange,
  taskSockets,
  drivers: [rawExecDriver({ stateDirectory, enabled: true }), execDriver({ stateDirectory })],
  taskLogs: keptTaskLogs({ stateDirectory }),
  disk: hostDisk(),
  machine: hostMachine({ version: "2.0.6", allocationDirectory: join(directory, "alloc") }),
  store: hostClientStore(stateDirectory),
  clock: createHostClock(),
  random: createHostRandom(),
  settings: {
    ...CLIENT_DEFAULTS,
    name: "story",
    allocationDirectory: join(directory, "alloc"),
    updateBatchMs: 20,
    hostEnvironment: { PATH: process.env["PATH"] },
    hostVariablesDenied: [],
  },
  report: ({ level, message, fields }) => console.error(level, message, JSON.stringify(fields)),
  killPoint: (name) => {
    if (name === killAt) process.kill(process.pid, "SIGKILL");
  },
});

createInterface({ input: process.stdin }).on("line", (line) => {
  if (line !== "forget") return;
  forgetWanted = true;
  if (story.chapter === "settled") forget();
});

// Ends when nothing is left of what the servers forgot.
const look = setInterval(() => {
  if (end !== undefined) turnPage();
  if (story.chapter !== "forgotten" || Object.values(client.statistics()).some((count) => count > 0)) return;
  // Every token that was given out is given back (F30).
  if (tokens.size > 0) return;
  clearInterval(look);
  console.log("empty");
  void client.close({ stopTasks: true }).then(() => process.exit(0));
}, 20);
