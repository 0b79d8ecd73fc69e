/** What is done on the files of a server that does not run. The agent does it; main.ts hands it in, since no command loads a server's code. */
import { NamedError } from "#std";

export interface StoppedServer {
  recover(words: StoppedWords): Promise<{ readonly clusterId: string; readonly lastIndex: number }>;
  /** What recover() would go on from. */
  look(words: StoppedWords): Promise<{ readonly clusterId: string; readonly lastIndex: number }>;
  migrateBackend(words: StoppedWords, to: "consul" | "sqlite"): Promise<"moved" | "there already">;
  /** JSON of everything in it. */
  stateInArchive(archive: Uint8Array): Promise<unknown>;
}

export interface StoppedWords {
  /** Paths of the agent's configuration. */
  readonly config: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What goes on, a line each. */
  readonly tell: (line: string) => void;
}

export type StoppedServerDoor = () => Promise<StoppedServer>;

export const noServer: StoppedServerDoor = () =>
  Promise.reject(new NamedError("SERVER_ABSENT", "Cannot work on a server's files: this program holds no server"));
