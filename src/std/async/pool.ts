/** Mapping with a bounded number of calls at a time. */

/** The message of the error that {@linkcode pooledMap} throws when a call failed. */
const ERROR_WHILE_MAPPING_MESSAGE =
  "Cannot complete the mapping as an error was thrown from an item";

/**
 * Maps an iterable with at most `poolLimit` calls under way, and yields the results in the order of
 * the input. After a failure no new call begins; those under way finish and are yielded, then all
 * failures are thrown together.
 *
 * @param poolLimit how many calls may be under way
 * @param array what is mapped
 * @param iteratorFn the mapping
 * @throws {RangeError} when the limit is no positive integer
 * @throws {AggregateError} when calls, or the input, failed
 */
export function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R> {
  if (!Number.isInteger(poolLimit) || poolLimit < 1) {
    throw new RangeError(
      `Cannot map with a pool as 'poolLimit' must be a positive integer: current value is ${poolLimit}`,
    );
  }
  const pool = new Pool<R>(poolLimit);
  const results = new ReadableStream<Promise<R>>({
    start: (controller) => void fill(array, { iteratorFn, pool, controller }),
  });
  return drain(results, pool);
}

interface Filling<T, R> {
  readonly iteratorFn: (data: T) => Promise<R>;
  readonly pool: Pool<R>;
  readonly controller: ReadableStreamDefaultController<Promise<R>>;
}

/** Calls under way; one that failed stays here, so that it ends the filling. */
class Pool<R> {
  readonly #limit: number;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly errors: unknown[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(call: Promise<R>): void {
    const settled: Promise<unknown> = call.then(() => this.#underWay.delete(settled));
    // Failures are collected by `finish`.
    settled.catch(() => {});
    this.#underWay.add(settled);
  }

  /** Waits until there is room for one more. Rejects when a call failed. */
  async room(): Promise<void> {
    if (this.#underWay.size >= this.#limit) await Promise.race(this.#underWay);
  }

  /** Waits for all, and collects what failed. */
  async finish(): Promise<void> {
    for (const result of await Promise.allSettled(this.#underWay)) {
      if (result.status === "rejected") this.errors.push(result.reason);
    }
  }
}

async function fill<T, R>(
  array: Iterable<T> | AsyncIterable<T>,
  of: Filling<T, R>,
): Promise<void> {
  const { iteratorFn, pool, controller } = of;
  let full = false;
  try {
    for await (const item of array) {
      const call = Promise.resolve().then(() => iteratorFn(item));
      pool.add(call);
      controller.enqueue(call);
      full = true;
      await pool.room();
      full = false;
    }
    await pool.finish();
  } catch (error) {
    await pool.finish();
    // Not a call's failure, which is among the others: the input's own.
    if (!full) pool.errors.push(error);
  }
  controller.close();
}

async function* drain<R>(
  results: ReadableStream<Promise<R>>,
  pool: Pool<R>,
): AsyncIterableIterator<R> {
  const reader = results.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const outcome = await next.value.then((value) => ({ value }), () => null);
    if (outcome !== null) yield outcome.value;
  }
  if (pool.errors.length > 0) {
    throw new AggregateError(pool.errors, ERROR_WHILE_MAPPING_MESSAGE);
  }
}
