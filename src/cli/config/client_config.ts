/**
 * Reads `$XDG_CONFIG_HOME/iris/config.yaml`: which controller commands talk to, and others by name.
 * Loaded only where that file is.
 */
import { nearest } from "../../base/edit_distance.ts";
import { IrisError, plainLine } from "../../base/errors.ts";
import type { ClientConfig, Sourced, TargetLayer } from "../target.ts";
import { TARGET_KEYS } from "../target.ts";
import { fileText } from "./file_text.ts";
import { fieldText, type Path, readYaml, type YamlFile } from "./yaml_file.ts";

/** The largest file that is read, in bytes. */
const MAX_BYTES = 1024 * 1024;
/** What a context may be called. */
const NAME = /^[\w.-]{1,64}$/;

type Env = (name: string) => string | undefined;

/** What is read, and where in it. */
interface Source {
  readonly path: string;
  readonly yaml: YamlFile;
  readonly env: Env;
}

/**
 * Reads a file that is there.
 *
 * @throws {IrisError} `usage` in one line with the place of what is wrong
 */
export function readClientConfig(path: string, env: Env): ClientConfig {
  const yaml = readYaml(readText(path));
  const source = { path, yaml, env };
  const broken = yaml.findings.find(({ severity }) => severity === "error");
  if (broken !== undefined) {
    throw wrong(source, { at: broken, field: "", message: broken.message });
  }
  const value = objectAt(source, [], yaml.value ?? {});
  const known = [...TARGET_KEYS, "context", "contexts"];
  const top = keysOf(source, { path: [], value, known });
  const contexts = objectAt(source, ["contexts"], top.contexts ?? {});
  const layers = Object.entries(contexts).map(([name, given]) => {
    const at = ["contexts", name];
    if (!NAME.test(name)) {
      throw wrongAt(source, at, "A name has letters, digits, '.', '_' and '-'");
    }
    const keys = keysOf(source, {
      path: at,
      value: objectAt(source, at, given),
      known: TARGET_KEYS,
    });
    return [name, layerOf(source, at, keys)] as const;
  });
  const config = { path, top: layerOf(source, [], top), contexts: Object.fromEntries(layers) };
  if (top.context === undefined) return config;
  const context = textAt(source, ["context"], top.context);
  if (!Object.hasOwn(config.contexts, context.value) && context.value !== "local") {
    const near = nearest(context.value, Object.keys(config.contexts));
    const hint = near === null ? "" : `. Did you mean ${near}?`;
    throw wrongAt(source, ["context"], `There is no context "${context.value}"${hint}`);
  }
  return { ...config, context };
}

function layerOf(source: Source, path: Path, keys: Readonly<Record<string, unknown>>): TargetLayer {
  const folder = source.path.replace(/\/[^/]*$/, "");
  const found = TARGET_KEYS.filter((key) => keys[key] !== undefined).map((key) => {
    const text = textAt(source, [...path, keys[`typed:${key}`] as string], keys[key]);
    return [key, key === "controller" ? text : fileOf(text, { folder, env: source.env })];
  });
  return Object.fromEntries(found) as TargetLayer;
}

/** A file's path: from the home folder with `~/`, else from the folder of the configuration. */
function fileOf({ value, from }: Sourced, of: { folder: string; env: Env }): Sourced {
  if (value.startsWith("~/")) return { value: `${of.env("HOME") ?? ""}${value.slice(1)}`, from };
  return { value: value.startsWith("/") ? value : `${of.folder}/${value}`, from };
}

/** The keys of an object in camelCase, however they were typed; that is kept under `typed:KEY`. */
function keysOf(
  source: Source,
  of: { path: Path; value: Readonly<Record<string, unknown>>; known: readonly string[] },
): Readonly<Record<string, unknown>> {
  const keys: Record<string, unknown> = {};
  for (const [typed, value] of Object.entries(of.value)) {
    const key = typed.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!of.known.includes(key)) {
      const near = nearest(key, of.known);
      const hint = near === null ? `; there are ${of.known.join(", ")}` : `. Did you mean ${near}?`;
      throw wrongAt(source, [...of.path, typed], `There is no such key${hint}`);
    }
    keys[key] = value ?? undefined;
    keys[`typed:${key}`] = typed;
  }
  return keys;
}

function objectAt(source: Source, path: Path, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw wrongAt(source, path, "Here stand keys with values");
}

function textAt(source: Source, path: Path, value: unknown): Sourced {
  if (typeof value !== "string" || value === "") throw wrongAt(source, path, "This is not a text");
  return { value, from: `${source.path}:${source.yaml.placeOf(path).line}` };
}

function wrongAt(source: Source, path: Path, message: string): IrisError {
  return wrong(source, { at: source.yaml.placeOf(path, "key"), field: fieldText(path), message });
}

function wrong(
  { path }: Source,
  of: { at: { line: number; column: number }; field: string; message: string },
): IrisError {
  const field = of.field === "" ? "" : `${plainLine(of.field)}: `;
  return new IrisError(
    "usage",
    `${path}:${of.at.line}:${of.at.column}: ${field}${plainLine(of.message)}`,
    { field: of.field },
  );
}

function readText(path: string): string {
  const refuse = (why: string, cause: unknown) => new IrisError("usage", why, { cause });
  return fileText(path, { maxBytes: MAX_BYTES, refuse });
}
