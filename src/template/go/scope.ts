/** The variables that are declared where the parser is: a stack, asked often. */
export class Scope {
  readonly #names: string[] = ["$"];
  /** How often each stands in the stack. */
  readonly #counts = new Map<string, number>([["$", 1]]);

  get size(): number {
    return this.#names.length;
  }

  get names(): readonly string[] {
    return this.#names;
  }

  has(name: string): boolean {
    return this.#counts.has(name);
  }

  declare(name: string): void {
    this.#names.push(name);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Forgets what was declared after it had this size. */
  backTo(size: number): void {
    for (const name of this.#names.splice(size)) {
      const left = (this.#counts.get(name) as number) - 1;
      if (left === 0) this.#counts.delete(name);
      else this.#counts.set(name, left);
    }
  }
}
