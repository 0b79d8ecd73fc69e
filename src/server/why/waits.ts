/**
 * What a task waits for that stands outside: things its templates and secrets look at, a token, its turn to be restarted. Read from what its node
 * tells of it (events "Template", and "Task hook failed" of what is tried again). Pure. No value ever stands in these events.
 */
import type { TaskEvent, TaskState } from "#model";
import { type Cause, howLong, quoted } from "./cause.ts";

interface Wait {
  /** Alike for all that wait for the same: without what names one allocation's token. */
  readonly key: string;
  /** `for secret/data/app: …` */
  readonly what: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Of a task that does not run yet. undefined: it waits for something else. */
export function waitBefore(task: string, state: TaskState, nowNs: number): Cause | undefined {
  const found = lastOf(state, beforeStart);
  if (found === undefined) return undefined;
  return causeOf("starting", task, found, `Task ${quoted(task)} has waited ${howLong(nowNs - found.sinceNs)} ${found.wait.what}`);
}

/** Of one that runs, with what it had. */
export function waitWhileRunning(task: string, state: TaskState, nowNs: number): Cause | undefined {
  const turn = lastOf(state, turnOf);
  if (turn !== undefined) {
    const sentence = `Task ${quoted(task)} runs with what it had and waits its turn to be restarted with what changed, for ${howLong(nowNs - turn.sinceNs)}: ${turn.wait.what}`;
    return causeOf("held", task, turn, sentence);
  }
  const found = lastOf(state, whileRunning);
  if (found === undefined) return undefined;
  return causeOf(
    "held",
    task,
    found,
    `Task ${quoted(task)} runs with what it had, for ${howLong(nowNs - found.sinceNs)}: ${found.wait.what}`,
  );
}

interface Found {
  readonly wait: Wait;
  readonly sinceNs: number;
}

/** What its last event says, since the first of those right before that say the same. */
function lastOf(state: TaskState, read: (event: TaskEvent) => Wait | undefined): Found | undefined {
  const last = state.Events.at(-1);
  const wait = last === undefined ? undefined : read(last);
  if (last === undefined || wait === undefined) return undefined;
  const other = state.Events.findLastIndex((event) => read(event)?.key !== wait.key);
  return { wait, sinceNs: (state.Events[other + 1] ?? last).Time };
}

function causeOf(stage: Cause["stage"], task: string, { wait, sinceNs }: Found, sentence: string): Cause {
  return { stage, task, key: `wait ${wait.key}`, sinceNs, sentence, details: wait.details };
}

const textOf = (event: TaskEvent): string => event.Message || event.DisplayMessage || event.Details["message"] || "";

function beforeStart(event: TaskEvent): Wait | undefined {
  return thingsOf(event) ?? failureOf(event, "until its templates can be rendered: ") ?? tokenOf(event);
}

function whileRunning(event: TaskEvent): Wait | undefined {
  const missing = thingsOf(event);
  if (missing !== undefined) return { ...missing, what: `what its templates need is missing now, ${missing.what}` };
  return failureOf(event, "");
}

const MISSING = /^Missing: (?<labels>.*?)(?: \((?<reasons>waiting for .*)\))?$/s;

function thingsOf(event: TaskEvent): Wait | undefined {
  if (event.Type !== "Template") return undefined;
  const said = MISSING.exec(textOf(event))?.groups;
  const missing = event.Details["missing"] ?? said?.["labels"];
  if (missing === undefined) return undefined;
  const reasons = (event.Details["waiting_for"] ?? said?.["reasons"] ?? "").replaceAll(/(^|; )waiting for /g, "$1for ");
  const details = { Step: "template", Missing: missing, ...(reasons === "" ? {} : { Problem: reasons }) };
  const what = reasons === "" ? `for ${missing}: nothing is there yet, it goes on by itself once something is` : withoutStop(reasons);
  return { key: `for ${missing}`, what, details };
}

function failureOf(event: TaskEvent, words: string): Wait | undefined {
  if (event.Type !== "Template") return undefined;
  const text = event.Details["template_error"] ?? textOf(event);
  const said = /^Template failed: (.*)$/s.exec(text)?.[1];
  return said === undefined
    ? undefined
    : { key: `render ${said}`, what: `${words}${withoutStop(said)}`, details: { Step: "template", Problem: said } };
}

function turnOf(event: TaskEvent): Wait | undefined {
  const said = event.Type === "Template" ? /, waiting to restart: (.*)$/s.exec(textOf(event))?.[1] : undefined;
  return said === undefined ? undefined : { key: "turn", what: withoutStop(said), details: { Step: "turn", Problem: said } };
}

function tokenOf(event: TaskEvent): Wait | undefined {
  if (event.Type !== "Task hook failed") return undefined;
  const said = /waiting (for \w+, to get the task's token: .*)$/s.exec(textOf(event))?.[1];
  return said === undefined
    ? undefined
    : { key: `token ${event.Details["task_hook"] ?? ""}`, what: withoutStop(said), details: { Step: "token", Problem: said } };
}

/** More of the sentence comes. */
const withoutStop = (text: string): string => text.replace(/\.$/, "");
