/**
 * Metadata of the node: what its configuration says, and what was set since (`node meta apply`), which wins and is kept across restarts
 * of the agent. A key set to null is taken away, also one of the configuration.
 */
import type { ClientStore, NodeMetadata } from "#ports";
import { NamedError } from "#std";

type Dynamic = Readonly<Record<string, string | null>>;

const FACT = "metadata";

export class Metadata {
  readonly #store: ClientStore;
  readonly #static: Readonly<Record<string, string>>;
  #dynamic: Dynamic;

  constructor(store: ClientStore, configured: Readonly<Record<string, string>>) {
    this.#store = store;
    this.#static = configured;
    this.#dynamic = (store.fact(FACT) as Dynamic | undefined) ?? {};
  }

  /** Both together. */
  get current(): Readonly<Record<string, string>> {
    return mergeMetadata(this.#static, this.#dynamic);
  }

  describe(): NodeMetadata {
    return { Meta: this.current, Dynamic: this.#dynamic, Static: this.#static };
  }

  /** Throws METADATA_INVALID; then nothing has changed. */
  change(changes: Dynamic): NodeMetadata {
    for (const [key, value] of Object.entries(changes)) {
      if (key === "" || /[\s\0${}]/.test(key)) {
        throw new NamedError("METADATA_INVALID", `Cannot set metadata ${JSON.stringify(key)}: a key is a word without spaces`, {
          statusCode: 400,
        });
      }
      if (value !== null && typeof value !== "string") {
        throw new NamedError("METADATA_INVALID", `Cannot set metadata "${key}": its value must be text, or null to take it away`, {
          statusCode: 400,
        });
      }
    }
    this.#dynamic = changeDynamic(this.#static, this.#dynamic, changes);
    this.#store.saveFact(FACT, this.#dynamic);
    return this.describe();
  }
}

export function mergeMetadata(configured: Readonly<Record<string, string>>, dynamic: Dynamic): Record<string, string> {
  const merged = new Map<string, string | null>([...Object.entries(configured), ...Object.entries(dynamic)]);
  return Object.fromEntries([...merged].filter((entry): entry is [string, string] => entry[1] !== null));
}

/** A null is remembered only where the configuration has a value to hide. */
export function changeDynamic(configured: Readonly<Record<string, string>>, dynamic: Dynamic, changes: Dynamic): Dynamic {
  const merged = new Map([...Object.entries(dynamic), ...Object.entries(changes)]);
  return Object.fromEntries([...merged].filter(([key, value]) => value !== null || Object.hasOwn(configured, key)));
}
