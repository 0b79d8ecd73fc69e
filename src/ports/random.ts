/** Chance, as an argument. Seeded in simulations, which print the seed. */
export interface Random {
  /** [0, 1) */
  fraction(): number;
  /** [0, below) whole */
  integer(below: number): number;
  /** A version 4 UUID. */
  uuid(): string;
}
