/**
 * A register as a variable is one: a value and the index of the write that brought it, written blindly or only over the index one has seen.
 * Every write writes another value, so what is read names the write it comes from.
 */
import type { Model, Operation } from "./linearize.ts";

export type RegisterCall =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: string }
  /** `expected` 0: only where there is nothing yet. */
  | { readonly kind: "cas"; readonly expected: number; readonly value: string };

export type RegisterAnswer =
  /** What is there; of a cas: why nothing was written. value null: nothing is there. */
  { readonly kind: "told"; readonly value: string | null; readonly index: number } | { readonly kind: "written"; readonly index: number };

export type RegisterOperation = Operation<RegisterCall, RegisterAnswer>;

export interface RegisterState {
  readonly value: string | null;
  /** Of the write; the least it can be while nobody has been told it. */
  readonly index: number;
  readonly told: boolean;
}

export const REGISTER: Model<RegisterState, RegisterCall, RegisterAnswer> = {
  initial: { value: null, index: 0, told: true },
  step(state, call, answer) {
    if (answer?.kind === "told") {
      const told = observe(state, answer.value, answer.index);
      if (call.kind === "read") return told;
      // What refuses a cas is another index than the one that was expected.
      if (call.kind !== "cas" || told === undefined || told.index === call.expected) return undefined;
      return told;
    }
    if (call.kind === "read") return undefined;
    if (call.kind === "cas" && !fits(state, call.expected)) return undefined;
    const before = call.kind === "cas" ? call.expected : state.index;
    if (answer === undefined) return { value: call.value, index: before + 1, told: false };
    return answer.index > before ? { value: call.value, index: answer.index, told: true } : undefined;
  },
  key: ({ value, index, told }) => `${value}@${told ? "" : ">="}${index}`,
};

function observe(state: RegisterState, value: string | null, index: number): RegisterState | undefined {
  if (state.value !== value) return undefined;
  // Of what is not there no index is told.
  if (value === null) return state;
  if (state.told ? index !== state.index : index < state.index) return undefined;
  return { value, index, told: true };
}

function fits(state: RegisterState, expected: number): boolean {
  if (expected === 0 || state.value === null) return expected === 0 && state.value === null;
  return state.told ? expected === state.index : expected >= state.index;
}

/**
 * Without the writes that have no answer and that nobody ever saw: whether they happened makes no difference to anybody (each was over before the
 * next write, and nobody who expects an index can have learnt theirs), but every one of them doubles the search.
 */
export function withoutUnseen(operations: readonly RegisterOperation[]): RegisterOperation[] {
  const seen = new Set(operations.flatMap(({ answer }) => (answer?.kind === "told" ? [answer.value] : [])));
  return operations.filter(({ call, answer }) => answer !== undefined || (call.kind !== "read" && seen.has(call.value)));
}

export function tell({ process, call, answer, beganAt, endedAt }: RegisterOperation): string {
  const asked = call.kind === "read" ? "read" : call.kind === "write" ? `write ${call.value}` : `cas ${call.expected} → ${call.value}`;
  const said =
    answer === undefined ? "no answer" : answer.kind === "written" ? `written @${answer.index}` : `told ${answer.value} @${answer.index}`;
  return `${beganAt}–${answer === undefined ? "" : endedAt} ${process}: ${asked}: ${said}`;
}
