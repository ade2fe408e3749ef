/** Something that comes piece by piece. */

/**
 * An async iterable that does nothing until somebody takes from it, and lets go of what it holds when
 * whoever takes from it breaks off. Each loop over it begins anew.
 */
export class Sequence<T> implements AsyncIterable<T> {
  readonly #make: () => AsyncGenerator<T>;

  /** @param make begins it */
  constructor(make: () => AsyncGenerator<T>) {
    this.#make = make;
  }

  [Symbol.asyncIterator](): AsyncGenerator<T> {
    return this.#make();
  }

  /** All of it, when its end has come. */
  async toArray(): Promise<T[]> {
    const all: T[] = [];
    for await (const one of this) all.push(one);
    return all;
  }
}
