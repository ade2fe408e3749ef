/** What went wrong in a node's own steps, in order, up to a limit. */

/** A node keeps this many errors; further ones are counted. */
export const MAX_ERRORS = 64;

/** Errors in order. None replaces another; beyond the limit they are counted, not kept. */
export class ErrorList {
  readonly #errors: unknown[] = [];
  #dropped = 0;

  /** Appends one. */
  push(error: unknown): void {
    if (this.#errors.length < MAX_ERRORS) this.#errors.push(error);
    else this.#dropped++;
  }

  /** How many came. */
  get length(): number {
    return this.#errors.length + this.#dropped;
  }

  /** The errors, and one that says how many more there were. */
  all(): readonly unknown[] {
    if (this.#dropped === 0) return [...this.#errors];
    return [...this.#errors, new Error(`and ${this.#dropped} more errors`)];
  }
}
