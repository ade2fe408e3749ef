/** Deep equality. */

/** Classes whose instances are equal when their text is. */
const BY_TEXT: ReadonlySet<unknown> = new Set([
  Intl.Locale,
  RegExp,
  URL,
  URLSearchParams,
  ...temporalClasses(),
].map((each) => each.prototype));

/** The class above `Uint8Array` and its kin, which has no name of its own. */
const TypedArray = Object.getPrototypeOf(Uint8Array) as abstract new () => Values;

type Values = ArrayLike<number | bigint>;
type Keyed = Map<unknown, unknown> | Set<unknown>;
type Compare = (a: unknown, b: unknown) => boolean;

/**
 * Whether two values are deeply equal: same prototype, same keys, equal values. `NaN` equals
 * itself, `0` equals `-0`, and the order of keys in objects, maps and sets does not count.
 *
 * @throws {TypeError} for two different WeakMaps or WeakSets, whose content nobody can see
 */
export function equal(a: unknown, b: unknown): boolean {
  // A pair that is being compared further up counts as equal: this ends cycles.
  const seen = new Map<object, object>();
  const compare: Compare = (a, b) => {
    if (a === b || Object.is(a, b)) return true;
    if (!isObject(a) || !isObject(b)) return false;
    if (a instanceof Date && b instanceof Date) {
      return Object.is(a.getTime(), b.getTime());
    }
    if (!sameKind(a, b)) return false;
    if (a instanceof TypedArray) {
      return equalValues(a, b as unknown as Values);
    }
    if (a instanceof ArrayBuffer || a instanceof SharedArrayBuffer) {
      return equalValues(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
    }
    if (a instanceof WeakMap) {
      throw new TypeError("Cannot compare WeakMap instances");
    }
    if (a instanceof WeakSet) {
      throw new TypeError("Cannot compare WeakSet instances");
    }
    if (a instanceof WeakRef) {
      return compare(a.deref(), (b as WeakRef<WeakKey>).deref());
    }
    if (seen.get(a) === b) return true;
    if (Object.keys(a).length !== Object.keys(b).length) return false;
    seen.set(a, b);
    if (isKeyed(a) && isKeyed(b)) return equalKeyed(a, b, compare);
    if (BY_TEXT.has(Object.getPrototypeOf(a))) return String(a) === String(b);
    return equalProperties(a, b, compare);
  };
  return compare(a, b);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isKeyed(value: object): value is Keyed {
  return value instanceof Map || value instanceof Set;
}

/** Same prototype, where an object without one passes for a plain object. */
function sameKind(a: object, b: object): boolean {
  const [p, q] = [a, b].map((each) => Object.getPrototypeOf(each) ?? Object.prototype);
  return p === q;
}

function equalValues(a: Values, b: Values): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !Object.is(a[i], b[i])) return false;
  }
  return true;
}

function equalKeyed(a: Keyed, b: Keyed, compare: Compare): boolean {
  if (a.size !== b.size) return false;
  const map = a instanceof Map && b instanceof Map;
  const keys = [...a.keys()];
  if (!keys.some((key) => isObject(key) || typeof key === "function")) {
    return keys.every((key) => b.has(key) && (!map || compare(a.get(key), b.get(key))));
  }
  // Keys that are objects are looked for by equality: every entry must have a partner.
  const others = [...b.entries()];
  for (const [key, value] of a.entries()) {
    const partner = others.some(([otherKey, otherValue]) =>
      compare(key, otherKey) && (!map || compare(value, otherValue))
    );
    if (!partner) return false;
  }
  return true;
}

function equalProperties(a: object, b: object, compare: Compare): boolean {
  const proto = Object.getPrototypeOf(a);
  const plain = proto === null || proto === Object.prototype ||
    proto === Array.prototype;
  // Instances may keep their state behind getters of the prototype (URLPattern does).
  const keys = plain ? Reflect.ownKeys({ ...a, ...b }) : allKeys(a).union(allKeys(b));
  for (const key of keys) {
    if ((key in a) !== (key in b)) return false;
    if (!compare(Reflect.get(a, key), Reflect.get(b, key))) return false;
  }
  return true;
}

/** The keys of an object and of its prototypes, without those that every object or array has. */
function allKeys(value: object): Set<PropertyKey> {
  const keys = new Set<PropertyKey>();
  for (
    let each: object | null = value;
    each !== null && each !== Object.prototype && each !== Array.prototype;
    each = Object.getPrototypeOf(each)
  ) {
    for (const key of Reflect.ownKeys(each)) keys.add(key);
  }
  return keys;
}

/** The classes of `Temporal` that print all they hold; none where it does not exist. */
function temporalClasses(): { prototype: unknown }[] {
  const temporal: Record<string, { prototype: unknown }> | undefined = Reflect
    .get(
      globalThis as object,
      "Temporal",
    );
  return [
    "Duration",
    "Instant",
    "PlainDate",
    "PlainDateTime",
    "PlainTime",
    "PlainYearMonth",
    "PlainMonthDay",
    "ZonedDateTime",
  ].flatMap((name) => temporal?.[name] ?? []);
}
