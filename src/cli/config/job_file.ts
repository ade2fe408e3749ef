/** Reads and checks a file of `job run -f`: one job or several, in the order to submit them in. */
import * as v from "valibot";
import { IrisError } from "../../base/errors.ts";
import { findingText, issuesFound, readText, typed } from "./config_file.ts";
import { JOB_FILE_SCHEMA, JOBS_FILE_SCHEMA } from "./job_schema.ts";
import { knownKeys } from "./known_keys.ts";
import {
  fieldText,
  type Finding,
  type Path,
  readYamlDocuments,
  type YamlFile,
} from "./yaml_file.ts";

/** The most jobs of a file. */
const MAX_JOBS = 1_000;
/** Paths of the submitter's own disk, which are taken from the folder of the file. */
const OWN_PATHS = new Set(["bundle", "eachLine", "module"]);

/** One job of a file. */
export interface JobOfFile {
  /** What it says of a flag, as it would be typed. */
  readonly flag: (name: string) => readonly string[] | undefined;
  /** Its command; null when it has none. */
  readonly argv: readonly string[] | null;
  /** Where it stands, for what is wrong with it. */
  readonly refuse: (message: string) => IrisError;
}

/** A job as it stands in its document. */
interface Placed {
  readonly yaml: YamlFile;
  readonly path: Path;
  readonly value: Readonly<Record<string, unknown>>;
}

/**
 * Reads a file; `-` is stdin.
 *
 * @throws {IrisError} `usage` in one line with the place of the first thing that is wrong
 */
export function readJobFile(path: string): JobOfFile[] {
  return jobsOf(path, readText(path === "-" ? "/dev/stdin" : path, "--file"));
}

/** The jobs in the text of a file. @throws {IrisError} `usage` */
export function jobsOf(path: string, text: string): JobOfFile[] {
  const placed = readYamlDocuments(text).flatMap((yaml) => jobsOfDocument(path, yaml));
  if (placed.length === 0) {
    throw refusal(path, { line: 1, column: 1, field: "", message: "There is no job in it" });
  }
  if (placed.length > MAX_JOBS) {
    const message = `There are more than ${MAX_JOBS} jobs in it`;
    throw refusal(path, { line: 1, column: 1, field: "", message });
  }
  return inOrder(path, placed).map((job) => jobOf(path, job));
}

type Problem = Omit<Finding, "severity">;

function refusal(path: string, problem: Problem, more = 0): IrisError {
  const others = more > 0 ? ` (and ${more} more)` : "";
  const message = `Invalid --file: ${
    findingText(path, { severity: "error", ...problem })
  }${others}`;
  return new IrisError("usage", message, { field: "--file" });
}

function jobsOfDocument(path: string, yaml: YamlFile): Placed[] {
  const broken = yaml.findings.filter(({ severity }) => severity === "error");
  if (broken[0] !== undefined) throw refusal(path, broken[0], broken.length - 1);
  const { value } = yaml;
  // An empty document, for instance behind the last separator.
  if (value === null || value === undefined) return [];
  if (typeof value !== "object" || Array.isArray(value)) {
    const message = "Here stand the keys of a job, or jobs: with a list of them";
    throw refusal(path, { ...yaml.placeOf([]), field: "", message });
  }
  const several = Object.hasOwn(value, "jobs");
  const schema = several ? JOBS_FILE_SCHEMA : JOB_FILE_SCHEMA;
  const result = v.safeParse(schema, value);
  if (!result.success) {
    const keysAt = (at: Path) => knownKeys(schema, { path: at, value });
    const [first, ...more] = issuesFound(result.issues, { yaml, keysAt });
    throw refusal(path, first!, more.length);
  }
  const record = value as Placed["value"];
  if (!several) return [{ yaml, path: [], value: record }];
  return (record.jobs as Placed["value"][]).map((job, at) => ({
    ...{ yaml, path: ["jobs", at], value: job },
  }));
}

function jobOf(path: string, { yaml, path: at, value }: Placed): JobOfFile {
  const folder = path === "-" || !path.includes("/") ? "" : path.replace(/[^/]*$/, "");
  const { command } = value;
  return {
    flag(name) {
      const given = value[name];
      if (given === undefined || given === null) return undefined;
      if (name === "args") return [JSON.stringify(given)];
      const texts = typed(given);
      return OWN_PATHS.has(name)
        ? texts?.map((text) => inFolder(folder, text, name, value))
        : texts;
    },
    argv: command === undefined
      ? null
      : typeof command === "string"
      ? ["sh", "-c", command]
      : (command as unknown[]).map(String),
    refuse: (message) => refusal(path, { ...yaml.placeOf(at), field: fieldText(at), message }),
  };
}

/** A module that travels in a bundle is named from there. */
function inFolder(folder: string, text: string, name: string, job: Placed["value"]): string {
  const stays = text.startsWith("/") || text === "-" ||
    (name === "module" && job.bundle !== undefined);
  return stays ? text : `${folder}${text}`;
}

/** A job comes behind those of the file that it waits for. @throws {IrisError} `usage` for a circle */
function inOrder(path: string, jobs: readonly Placed[]): Placed[] {
  const names = new Map<string, Placed>();
  for (const job of jobs) {
    const name = job.value.name;
    if (typeof name !== "string") continue;
    if (names.has(shortName(name))) {
      const at = [...job.path, "name"];
      const message = `There are two jobs ${name} in this file`;
      throw refusal(path, { ...job.yaml.placeOf(at), field: fieldText(at), message });
    }
    names.set(shortName(name), job);
  }
  const ordered = new Set<Placed>();
  const open = new Set<Placed>();
  const visit = (job: Placed) => {
    if (ordered.has(job)) return;
    if (open.has(job)) {
      const at = [...job.path, "after"];
      const message = "It waits for itself, by way of what it waits for";
      throw refusal(path, { ...job.yaml.placeOf(at, "key"), field: fieldText(at), message });
    }
    open.add(job);
    for (const name of typed(job.value.after) ?? []) {
      const before = names.get(shortName(name.replace(/:(success|end)$/, "")));
      if (before !== undefined) visit(before);
    }
    open.delete(job);
    ordered.add(job);
  };
  jobs.forEach(visit);
  return [...ordered];
}

/** Names with and without a user may mean the same job; two users' jobs of one name are not one file's. */
function shortName(name: string): string {
  return name.replace(/^\/[^/]+\//, "");
}
