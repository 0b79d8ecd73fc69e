/**
 * The best of many when one changes at a time: a tournament. Every match is between two neighbours, winners meet in the next
 * round; a changed score replays only its own matches, log2(n) of them. Highest score wins, then lowest rank, then lowest index.
 * A score of −Infinity never wins.
 */
export class Tournament {
  readonly scores: Float64Array;
  readonly #ranks: Uint32Array;
  /** winners[1] is the champion; the children of match m are 2m and 2m+1; leaves start at #leaves. */
  readonly #winners: Int32Array;
  readonly #leaves: number;

  constructor(scores: Float64Array, ranks: Uint32Array) {
    this.scores = scores;
    this.#ranks = ranks;
    this.#leaves = 1;
    while (this.#leaves < scores.length) this.#leaves *= 2;
    this.#winners = new Int32Array(2 * this.#leaves).fill(-1);
    for (let i = 0; i < scores.length; i++) this.#winners[this.#leaves + i] = i;
    for (let match = this.#leaves - 1; match >= 1; match--) this.#play(match);
  }

  /** −1 when there is none. */
  best(): number {
    const best = this.#winners[1] as number;
    return best < 0 || this.scores[best] === -Infinity ? -1 : best;
  }

  set(index: number, score: number): void {
    if (this.scores[index] === score) return;
    this.scores[index] = score;
    for (let match = (this.#leaves + index) >> 1; match >= 1; match >>= 1) this.#play(match);
  }

  #play(match: number): void {
    const left = this.#winners[2 * match] as number;
    const right = this.#winners[2 * match + 1] as number;
    this.#winners[match] = right < 0 || (left >= 0 && !this.#beats(right, left)) ? left : right;
  }

  #beats(a: number, b: number): boolean {
    const difference = (this.scores[a] as number) - (this.scores[b] as number);
    if (difference !== 0 && !Number.isNaN(difference)) return difference > 0;
    const ranks = (this.#ranks[a] as number) - (this.#ranks[b] as number);
    return ranks !== 0 ? ranks < 0 : a < b;
  }
}
