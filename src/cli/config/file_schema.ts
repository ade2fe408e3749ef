/**
 * What `iris.yaml` may hold: for each mode a section with its flags, and the scale groups. Made from
 * the declarations of the flags, so that file, command line and help say the same. Pure.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import type { Flag, Flags } from "../flags/flag.ts";
import { GROUP_SCHEMA, quantity } from "./group_schema.ts";

/** Flags that make no sense in a file. */
export const NOT_IN_FILES = new Set(["config", "dryRun", "json"]);

/** The sections of the file, and the flags of each. */
export type ModeFlags = Readonly<Record<string, Flags>>;

/** The schema of the file. */
export function fileSchema(modes: ModeFlags) {
  const sections = Object.fromEntries(
    Object.entries(modes).map(([section, flags]) => [section, v.optional(modeSchema(flags))]),
  );
  return v.strictObject({
    ...sections,
    groups: v.optional(v.array(GROUP_SCHEMA), []),
  });
}

function modeSchema(flags: Flags) {
  const entries = Object.entries(flags).filter(([name]) => !NOT_IN_FILES.has(name));
  return v.strictObject(flagEntries(Object.fromEntries(entries)));
}

/** Flags as the keys of an object, each of which may be left out. */
export function flagEntries(flags: Flags) {
  const entries = Object.entries(flags);
  return Object.fromEntries(entries.map(([name, flag]) => [name, v.optional(flagSchema(flag))]));
}

function flagSchema(flag: Flag): v.GenericSchema {
  if (flag.kind === "switch") {
    return v.pipe(v.boolean("This is not true or false"), v.description(flag.help));
  }
  const one = quantity(flag.parse, flag.value, `${flag.help} (${flag.value})`);
  if (flag.kind === "value") return one;
  return v.pipe(
    v.union([v.array(one), v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]))]),
    v.description(flag.help),
  );
}

/** The JSON schema of the file, for editors. */
export function jsonSchema(modes: ModeFlags): Record<string, unknown> {
  const { $schema, ...rest } = toJsonSchema(fileSchema(modes), {
    typeMode: "input",
    errorMode: "ignore",
  });
  return {
    $schema,
    title: "iris.yaml",
    description: "Flags of the modes of Iris, and the scale groups of its VM manager.",
    ...rest,
  };
}
