/** A step of a task that could not be entered: what the user is told, and whether trying again can help. */
import type { TaskEvent } from "#model";
import type { SetUpFailure } from "#task";

export class EnterFailure extends Error {
  readonly event: TaskEvent;
  readonly failure: SetUpFailure;

  constructor(event: TaskEvent, failure: SetUpFailure) {
    super(failure.problem);
    this.name = "EnterFailure";
    this.event = event;
    this.failure = failure;
  }
}
