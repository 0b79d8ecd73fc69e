/** How a task's reader gets the tokens it reads with: those its identities were traded for, else the agent's own. */
import type { Allocation, IdentityRequest, Task, TaskGroup } from "#model";
import type { ThingSystem } from "#ports";
import type { ThingReaderNeeds, TokenBook } from "../contract.ts";
import { consulIdentity, taskIdentity, vaultIdentity } from "../identity/wanted.ts";
import type { ClientWorld } from "../world.ts";

export interface ReaderOwner {
  readonly world: Pick<ClientWorld, "consulTokens" | "vaultTokens">;
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  readonly task: () => Task;
}

export function readerNeeds(owner: ReaderOwner): ThingReaderNeeds {
  const { allocation, task } = owner;
  return {
    allocation: allocation(),
    task: task().Name,
    token: async (system, signal) => {
      const booked = bookOf(owner, system);
      return booked === undefined ? "" : await booked.book.token(booked.request, signal);
    },
    tokenGone: (system) => {
      const booked = bookOf(owner, system);
      booked?.book.gone(booked.request);
    },
  };
}

function bookOf(owner: ReaderOwner, system: ThingSystem): { readonly book: TokenBook; readonly request: IdentityRequest } | undefined {
  const { world, allocation, group, task } = owner;
  const identity = system === "consul" ? consulIdentity(group(), task()) : system === "vault" ? vaultIdentity(task()) : undefined;
  if (identity === undefined) return undefined;
  return { book: system === "consul" ? world.consulTokens : world.vaultTokens, request: taskIdentity(allocation(), task(), identity) };
}
