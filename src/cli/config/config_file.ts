/** Reads and checks an `iris.yaml`. */
import { nearest } from "../../base/edit_distance.ts";
import * as v from "valibot";
import { IrisError, plainLine } from "../../base/errors.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";
import { groupFindings } from "./check_groups.ts";
import { fileSchema, type ModeFlags } from "./file_schema.ts";
import { type GROUP_SCHEMA, groupConfig } from "./group_schema.ts";
import { knownKeys } from "./known_keys.ts";
import { fileText } from "./file_text.ts";
import { fieldText, type Finding, type Path, readYaml, type YamlFile } from "./yaml_file.ts";

/** The largest file that is read, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024;
/** A file that is right. */
export interface ConfigFile {
  readonly path: string;
  readonly groups: readonly GroupConfig[];
  /** What a section says of a flag, as it would be typed; undefined when it says nothing. */
  typed(section: string, flag: string): readonly string[] | undefined;
  /** Everything a section says. */
  section(section: string): Readonly<Record<string, readonly string[] | undefined>>;
  /** Where a host of a group stands. */
  placeOf(group: number, host: number): Pick<Finding, "line" | "column">;
}

/** What reading gave: a file only when nothing is wrong with it. */
export interface ReadConfig {
  readonly file: ConfigFile | null;
  readonly findings: readonly Finding[];
}

/** Reads and checks a file. @throws {IrisError} `usage` when it cannot be read at all */
export function readConfig(path: string, modes: ModeFlags): ReadConfig {
  return checkConfig(path, { text: readText(path), modes });
}

/** Checks the text of a file. */
export function checkConfig(path: string, of: { text: string; modes: ModeFlags }): ReadConfig {
  const yaml = readYaml(of.text);
  if (yaml.findings.some(({ severity }) => severity === "error")) {
    return { file: null, findings: yaml.findings };
  }
  const value = yaml.value ?? {};
  if (typeof value !== "object" || Array.isArray(value)) {
    const message = `Here stand keys: ${[...Object.keys(of.modes), "groups"].join(", ")}`;
    return {
      file: null,
      findings: [{ severity: "error", ...yaml.placeOf([]), field: "", message }],
    };
  }
  const schema = fileSchema(of.modes);
  const result = v.safeParse(schema, value);
  if (!result.success) {
    const keysAt = (path: Path) => knownKeys(schema, { path, value });
    return {
      file: null,
      findings: [...yaml.findings, ...issuesFound(result.issues, { yaml, keysAt })],
    };
  }
  // The sections' keys are known only here, so the type of `groups` is lost in theirs.
  const groups = (result.output.groups as v.InferOutput<typeof GROUP_SCHEMA>[]).map(groupConfig);
  const findings = [...yaml.findings, ...groupFindings(groups, yaml)];
  if (findings.some(({ severity }) => severity === "error")) return { file: null, findings };
  const sections = value as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  const file: ConfigFile = {
    ...{ path, groups },
    typed: (section, flag) => typed(sections[section]?.[flag]),
    section: (section) =>
      Object.fromEntries(
        Object.entries(sections[section] ?? {}).map(([flag, value]) => [flag, typed(value)]),
      ),
    placeOf: (group, host) => yaml.placeOf(["groups", group, "provider", "hosts", host]),
  };
  return { file, findings };
}

/** A file that must be right. @throws {IrisError} `usage` with the first thing that is wrong */
export function needConfig(path: string, modes: ModeFlags): ConfigFile {
  const { file, findings } = readConfig(path, modes);
  if (file !== null) return file;
  const wrong = findings.filter(({ severity }) => severity === "error");
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more: iris config check ${path})` : "";
  throw new IrisError("usage", `Invalid --config: ${findingText(path, wrong[0]!)}${more}`, {
    field: "--config",
  });
}

/** `iris.yaml:3:5: groups[0].max: …`. */
export function findingText(path: string, { line, column, field, message }: Finding): string {
  const where = field === "" ? "" : `${plainLine(field)}: `;
  return `${path}:${line}:${column}: ${where}${plainLine(message)}`;
}

/** The text of a file. @throws {IrisError} `usage` when it cannot be read */
export function readText(path: string, flag = "--config"): string {
  const refuse = (why: string, cause: unknown) =>
    new IrisError("usage", `Invalid ${flag}: ${why}`, { field: flag, cause });
  return fileText(path, { maxBytes: MAX_BYTES, refuse });
}

/** What a value of a file is as it would be typed. */
export function typed(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === "object") return Object.entries(value).map(([key, of]) => `${key}=${of}`);
  return [String(value)];
}

/** What findings are made with. */
export interface Source {
  readonly yaml: YamlFile;
  readonly keysAt: (path: Path) => readonly string[];
}

/** Issues of the schema in the order of the file. */
export function issuesFound(issues: readonly v.BaseIssue<unknown>[], source: Source): Finding[] {
  return issues.flatMap((issue) => findingsOf(issue, source))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

function findingsOf(issue: v.BaseIssue<unknown>, source: Source): Finding[] {
  // Of several forms that a value may have, the one that came furthest says most.
  const inner = issue.type === "union" ? (issue.issues ?? []).filter(({ path }) => path) : [];
  if (inner.length > 0) {
    const deepest = Math.max(...inner.map(({ path }) => path!.length));
    return inner.filter(({ path }) => path!.length === deepest)
      .flatMap((one) =>
        findingsOf({ ...one, path: [...issue.path ?? [], ...one.path!] as never }, source)
      );
  }
  const path: Path = (issue.path ?? []).map(({ key }) => key as string | number);
  const unknown = issue.type === "strict_object" && issue.expected === "never";
  const message = unknown
    ? unknownKey(String(path.at(-1)), source.keysAt(path.slice(0, -1)))
    : issue.expected !== null && issue.input === undefined
    ? "It is missing"
    : issue.message;
  const place = source.yaml.placeOf(path, unknown ? "key" : "value");
  return [{ severity: "error", ...place, field: fieldText(path), message }];
}

/** What an unknown key was probably meant to be. */
function unknownKey(given: string, known: readonly string[]): string {
  const near = nearest(given, known);
  if (near !== null) return `There is no such key. Did you mean ${near}?`;
  return `There is no such key${known.length > 0 ? `; there are ${known.join(", ")}` : ""}`;
}
