/** Which keys a schema knows at a place: for suggestions. Pure. */
import type { Path } from "./yaml_file.ts";

/** The parts of a schema that are walked through. */
interface Walked {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Walked>>;
  readonly wrapped?: Walked;
  readonly item?: Walked;
  readonly value?: Walked;
  readonly options?: readonly Walked[];
  readonly key?: string;
  readonly literal?: unknown;
  readonly pipe?: readonly Walked[];
}

/**
 * The keys of the object at a path; none where there is no object.
 *
 * @param of.value the data as it is: it tells which variant is meant
 */
export function knownKeys(schema: unknown, of: { path: Path; value: unknown }): readonly string[] {
  const found = walk(schema as Walked, of.path, of.value);
  return Object.keys(found?.entries ?? {});
}

function walk(schema: Walked | undefined, path: Path, value: unknown): Walked | undefined {
  if (schema === undefined) return undefined;
  if (schema.wrapped !== undefined) return walk(schema.wrapped, path, value);
  if (schema.options !== undefined && schema.type !== "picklist") {
    return walk(pick(schema, value), path, value);
  }
  const [key, ...rest] = path;
  if (key === undefined) return schema;
  const below = (value as Record<string | number, unknown> | null)?.[key];
  if (schema.entries !== undefined) return walk(schema.entries[key], rest, below);
  return walk(schema.item ?? schema.value, rest, below);
}

/** Of a variant the one that the data names; of other forms the first that is an object. */
function pick({ type, key, options = [] }: Walked, value: unknown): Walked | undefined {
  if (type !== "variant" || key === undefined) {
    return options.find(({ entries }) => entries !== undefined);
  }
  const named = (value as Record<string, unknown> | null)?.[key];
  return options.find(({ entries }) => entries?.[key]?.literal === named);
}
