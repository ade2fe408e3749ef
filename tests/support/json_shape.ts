/** The shape of JSON: keys and types, and nothing of the values. Pure. */

/** A type's name, or the shape of what is inside. */
export type Shape = string | readonly [Shape] | { readonly [key: string]: Shape };

/** Objects of which the keys are data: names of variables, resources, states. */
const MAPS = new Set([
  ...["counts", "env", "resources", "attributes", "metadata", "data"],
]);

/** The shape of some values of the same kind: what only some of them have ends with `?`. */
export function shapeOf(values: readonly unknown[], key = ""): Shape {
  const kinds = new Map<string, unknown[]>();
  for (const value of values) {
    const kind = value === null ? "null" : Array.isArray(value) ? "list" : typeof value;
    kinds.set(kind, [...kinds.get(kind) ?? [], value]);
  }
  const shapes = [...kinds].sort(([a], [b]) => a < b ? -1 : 1).map(([kind, of]): Shape => {
    // A tree: what is below looks like what is above, and how much is below is its own affair.
    if (kind === "list" && key === "children") return ["the same again"];
    if (kind === "list") return [shapeOf((of as unknown[][]).flat(), key)];
    if (kind !== "object") return kind;
    return MAPS.has(key) ? "map" : objectShape(of as Record<string, unknown>[]);
  });
  const known = shapes.filter((shape) => shape !== "null");
  if (known.length === 0) return shapes.length === 0 ? "nothing" : "null";
  if (known.length === shapes.length && known.length === 1) return known[0]!;
  return shapes.map((shape) => typeof shape === "string" ? shape : JSON.stringify(shape)).join("|");
}

function objectShape(objects: readonly Record<string, unknown>[]): Shape {
  const keys = [...new Set(objects.flatMap((one) => Object.keys(one)))].sort();
  return Object.fromEntries(keys.map((key) => {
    const having = objects.filter((one) => Object.hasOwn(one, key));
    const name = having.length < objects.length ? `${key}?` : key;
    return [name, shapeOf(having.map((one) => one[key]), key)];
  }));
}
