/** Text nobody prints by accident: JSON, logs, templates and `inspect` show "[concealed]"; whoever needs it says so with `reveal`. */
import { inspect } from "node:util";

const SHOWN = "[concealed]";

export class Concealed {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** "" for none. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
