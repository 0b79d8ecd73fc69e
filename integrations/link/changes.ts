/**
 * Changes, in pieces: the whole set of a node with ten thousand allocations is one change and many messages. Between two pieces other
 * things happen, at both ends. A job that many allocations share travels once.
 */
import type { Allocation, Job } from "#model";
import type { AllocationsChanged, ServicesChanged } from "#ports";

const ALLOCATIONS_PER_PIECE = 100;
const SERVICES_PER_PIECE = 500;
const GONE_PER_PIECE = 10_000;

interface Piece<Item, Id> {
  readonly ClusterId: string;
  readonly Index: number;
  readonly Complete: boolean;
  readonly Changed: readonly Item[];
  readonly Gone: readonly Id[];
  /** Of this change: nothing follows. */
  readonly Last: boolean;
}

/** Job: its place in the jobs of the change, in the order in which they came. */
type WrittenAllocation = Omit<Allocation, "Job"> & { readonly Job?: number };

export interface AllocationsPiece extends Piece<WrittenAllocation, Allocation["ID"]> {
  readonly Jobs: readonly Job[];
}
export type ServicesPiece = Piece<ServicesChanged["Changed"][number], string>;

export function* allocationPieces(change: AllocationsChanged): Generator<AllocationsPiece> {
  const places = new Map<Job, number>();
  for (const piece of pieces(change, ALLOCATIONS_PER_PIECE)) {
    const jobs: Job[] = [];
    const changed = piece.Changed.map((allocation): WrittenAllocation => {
      const { Job: job, ...rest } = allocation;
      if (job === undefined || job === null) return rest;
      let place = places.get(job);
      if (place === undefined) {
        place = places.size;
        places.set(job, place);
        jobs.push(job);
      }
      return { ...rest, Job: place };
    });
    yield { ...piece, Changed: changed, Jobs: jobs };
  }
}

export const servicePieces = (change: ServicesChanged): Generator<ServicesPiece> => pieces(change, SERVICES_PER_PIECE);

function* pieces<Item, Id>(
  change: {
    readonly ClusterId: string;
    readonly Index: number;
    readonly Complete: boolean;
    readonly Changed: readonly Item[];
    readonly Gone: readonly Id[];
  },
  perPiece: number,
): Generator<Piece<Item, Id>> {
  const { ClusterId, Index, Complete } = change;
  const count = Math.max(1, Math.ceil(change.Changed.length / perPiece), Math.ceil(change.Gone.length / GONE_PER_PIECE));
  for (let at = 0; at < count; at++) {
    yield {
      ClusterId,
      Index,
      Complete,
      Changed: change.Changed.slice(at * perPiece, (at + 1) * perPiece),
      Gone: change.Gone.slice(at * GONE_PER_PIECE, (at + 1) * GONE_PER_PIECE),
      Last: at === count - 1,
    };
  }
}

/** Puts pieces together; answers with the change when it is whole. */
export function gatherAllocations(): (piece: AllocationsPiece) => AllocationsChanged | undefined {
  let jobs: Job[] = [];
  const gather = gatherPieces<WrittenAllocation, Allocation["ID"]>();
  return (piece) => {
    jobs.push(...piece.Jobs);
    const whole = gather(piece);
    if (whole === undefined) return undefined;
    const known = jobs;
    jobs = [];
    return {
      ...whole,
      Changed: whole.Changed.map((each) => (typeof each.Job === "number" ? { ...each, Job: known[each.Job] } : each) as Allocation),
    };
  };
}

export const gatherServices = (): ((piece: ServicesPiece) => ServicesChanged | undefined) =>
  gatherPieces<ServicesChanged["Changed"][number], string>();

function gatherPieces<Item, Id>() {
  let changed: Item[] = [];
  let gone: Id[] = [];
  return ({ ClusterId, Index, Complete, Changed, Gone, Last }: Piece<Item, Id>) => {
    for (const each of Changed) changed.push(each);
    for (const each of Gone) gone.push(each);
    if (!Last) return undefined;
    const whole = { ClusterId, Index, Complete, Changed: changed, Gone: gone };
    changed = [];
    gone = [];
    return whole;
  };
}
