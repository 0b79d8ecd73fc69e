/** What a node tells of its tasks, as it is kept. */
import { type Allocation, sameValue, type TaskEvent, type TaskState } from "#model";
import { type Interned, sharedIfEmpty } from "./interned.ts";

/** The same states in less memory: equal texts once, nothing kept of the message they came in. */
export function compactStates(
  states: Readonly<Record<string, TaskState>>,
  allocation: Pick<Allocation, "TaskStates">,
  interned: Interned,
): Readonly<Record<string, TaskState>> {
  const compact: Record<string, TaskState> = {};
  for (const task of Object.keys(states)) {
    const state = states[task] as TaskState;
    const known = Object.hasOwn(allocation.TaskStates, task) ? (allocation.TaskStates[task]?.Events ?? []) : [];
    compact[interned.text(task)] = {
      ...state,
      State: interned.text(state.State),
      Events: sharedIfEmpty(
        state.Events.map((event, at) => (sameEvent(known[at], event) ? (known[at] as TaskEvent) : compactEvent(event, interned))),
      ),
    };
  }
  return sharedIfEmpty(compact);
}

function sameEvent(known: TaskEvent | undefined, event: TaskEvent): boolean {
  return known !== undefined && known.Time === event.Time && sameValue(known, event);
}

function compactEvent(event: TaskEvent, interned: Interned): TaskEvent {
  return {
    ...event,
    Type: interned.text(event.Type),
    Message: interned.text(event.Message),
    DisplayMessage: interned.text(event.DisplayMessage),
    Details: sharedIfEmpty(event.Details),
  };
}
