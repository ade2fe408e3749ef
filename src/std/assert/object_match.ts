import { assertEquals } from "./equals.ts";

type Loose = Record<PropertyKey, unknown>;

/**
 * Asserts that an object has all the properties of another one, deeply: arrays may be longer, maps
 * and sets may hold more, and the class of an object does not count.
 *
 * @throws {AssertionError} with a diff when it has not
 * @throws {TypeError} when one of them is no object
 */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- only `any` lets interfaces in, which have no index type
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  // The expected side goes through the same mill, so that instances become plain on both sides.
  assertEquals(new Picker().pickObject(actual, expected), plain(expected), msg);
}

const plain = (value: Loose): Loose => new Picker().pickObject(value, value);

function isObject(value: unknown): value is Loose {
  return typeof value === "object" && value !== null;
}

/** Keeps of a value what a pattern names. */
class Picker {
  /** Which pattern a value was last held against: this ends cycles. */
  readonly #seen = new WeakMap<object, object>();

  /** The properties that the pattern names too; all of them when it names none of them. */
  pickObject(value: Loose, pattern: Loose): Loose {
    if (!isObject(value)) {
      throw new TypeError(
        `Cannot assertObjectMatch ${value === null ? null : `type ${typeof value}`}`,
      );
    }
    if (this.#seen.get(value) === pattern) return value;
    this.#seen.set(value, pattern);
    const keys = Reflect.ownKeys(value);
    const wanted = new Set(Reflect.ownKeys(pattern));
    const common = keys.filter((key) => wanted.has(key));
    const strangers = common.length === 0 && keys.length > 0 && wanted.size > 0;
    const picked: Loose = {};
    for (const key of strangers ? keys : common) {
      const part = strangers ? value[key] : this.#pick(value[key], pattern[key]);
      // Defined, not assigned: a key may be "__proto__".
      Object.defineProperty(picked, key, {
        value: part,
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
    return picked;
  }

  #pick(value: unknown, pattern: unknown): unknown {
    if (value instanceof RegExp) return value;
    if (Array.isArray(value) && Array.isArray(pattern)) {
      return this.#pickArray(value, pattern);
    }
    if (!isObject(value) || !isObject(pattern)) return value;
    if (value instanceof Map && pattern instanceof Map) {
      return this.#pickMap(value, pattern);
    }
    if (value instanceof Set && pattern instanceof Set) {
      return value.intersection(pattern);
    }
    return this.pickObject(value, pattern);
  }

  #pickArray(value: unknown[], pattern: unknown[]): unknown[] {
    if (this.#seen.get(value) === pattern) return value;
    this.#seen.set(value, pattern);
    return value.slice(0, pattern.length).map((each, i) => this.#pick(each, pattern[i]));
  }

  #pickMap(
    value: Map<unknown, unknown>,
    pattern: Map<unknown, unknown>,
  ): Map<unknown, unknown> {
    const picked = new Map<unknown, unknown>();
    for (const [key, each] of value) {
      if (!pattern.has(key)) continue;
      const part = pattern.get(key);
      picked.set(
        key,
        isObject(each) && isObject(part) ? this.pickObject(each, part) : each,
      );
    }
    return picked;
  }
}
