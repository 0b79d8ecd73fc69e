/** Ports of the host that a pass took and freed, on the slots where it did, each at its address ("": at all of them). */
import { type AllocatedPort, sameAddress } from "#model";

type HostPort = Pick<AllocatedPort, "Value" | "HostIP">;
/** Slot → port → addresses. */
type Book = Map<number, Map<number, Set<string>>>;

export class HostPorts {
  readonly #taken: Book = new Map();
  readonly #freed: Book = new Map();

  take(slot: number, port: HostPort): void {
    note(this.#taken, slot, port);
  }
  /** Only when nobody else holds it there. */
  free(slot: number, port: HostPort): void {
    note(this.#freed, slot, port);
  }
  keep(slot: number, { Value, HostIP }: HostPort): void {
    this.#freed.get(slot)?.get(Value)?.delete(HostIP);
  }

  /** `inUse`: when the pass began. */
  isFree(slot: number, port: number, address: string, inUse: boolean): boolean {
    const taken = this.#taken.get(slot)?.get(port);
    if (taken !== undefined && [...taken].some((each) => sameAddress(each, address))) return false;
    const freed = this.#freed.get(slot)?.get(port);
    return !inUse || freed?.has(address) === true || freed?.has("") === true;
  }
}

function note(book: Book, slot: number, { Value, HostIP }: HostPort): void {
  const ports = book.get(slot) ?? new Map<number, Set<string>>();
  const addresses = ports.get(Value) ?? new Set<string>();
  addresses.add(HostIP);
  ports.set(Value, addresses);
  book.set(slot, ports);
}
