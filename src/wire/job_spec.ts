/**
 * Validation of a submitted job: unknown JSON in, a complete {@linkcode JobSpec} out. The submit
 * route calls it; nothing behind that route checks a spec again.
 */
import * as v from "valibot";
import { IrisError } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { type JobSpec, MAX_REPLICAS } from "./api.ts";

/** The longest full name of a job, in characters. */
export const MAX_NAME_CHARS = 256;
/** The most parts of a name, the user among them. */
export const MAX_NAME_PARTS = 8;
/** The most entries of `argv`. */
export const MAX_ARGV_ENTRIES = 4_096;
/** All of `argv` together, in bytes of UTF-8. */
export const MAX_ARGV_BYTES = 128 * 1024;
/** The most variables in `env`. */
export const MAX_ENV_ENTRIES = 1_000;
/** All names and values of `env` together, in bytes of UTF-8. */
export const MAX_ENV_BYTES = 128 * 1024;
/** The longest working directory, in bytes of UTF-8. */
export const MAX_CWD_BYTES = 4_096;
/** The most cores a task may ask for, in thousandths. */
export const MAX_CPU_MILLI = 1_000_000_000;
/** The longest grace between SIGTERM and SIGKILL, in ms: a day. */
export const MAX_GRACE_MS = 86_400_000;
/** The longest time limit of a task, in ms: ten years. */
export const MAX_TIMEOUT_MS = 315_360_000_000;
/** The most retries of a task. */
export const MAX_RETRIES = 1_000;

/** What a submit that says nothing of them gets. */
export const JOB_DEFAULTS = {
  replicas: 1,
  cpuMilli: 1_000,
  memoryBytes: 0,
  graceMs: 10_000,
  retries: 0,
  maxTaskFailures: 0,
  ifExists: "error",
} as const;

const NAME_PART = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const encoder = new TextEncoder();

/** Who submits. */
export interface JobSpecContext {
  /** Whose job it is, and the first part of its name. */
  readonly user: string;
}

/**
 * Checks a submit and fills in every default. A name without a leading `/` is the user's own; without
 * any name one is made from the command.
 *
 * @throws {IrisError} `invalid`, one line that names the field
 */
export function parseJobSpec(input: unknown, { user }: JobSpecContext): JobSpec {
  const parsed = v.safeParse(jobSpec, input, { abortEarly: true });
  if (!parsed.success) throw invalid(parsed.issues[0]);
  const given = parsed.output;
  return { ...given, name: fullName(given.name ?? nameFor(given.argv), user) };
}

/**
 * Checks a job's name and makes it a full one.
 *
 * @throws {IrisError} `invalid` with field `name`
 */
export function fullName(name: string, user: string): string {
  const full = name.startsWith("/") ? name : `/${user}/${name}`;
  const refuse = (why: string) =>
    new IrisError("invalid", `name ${why}: it is ${show(name)}`, { field: "name" });
  if (full.length > MAX_NAME_CHARS) throw refuse(`must have at most ${MAX_NAME_CHARS} characters`);
  const parts = full.slice(1).split("/");
  if (parts.length < 2 || parts.length > MAX_NAME_PARTS) {
    throw refuse(`must be like /user/job, with at most ${MAX_NAME_PARTS} parts`);
  }
  if (!parts.every((part) => NAME_PART.test(part))) {
    throw refuse("may have letters, digits, '.', '_' and '-', at most 64 of them a part");
  }
  if (/^\d+$/.test(parts.at(-1) ?? "")) throw refuse("must not end in a number, as tasks do");
  return full;
}

/** Like the command, so that a list of jobs can be read; unique, so that it never clashes. */
function nameFor(argv: readonly string[]): string {
  const base = (argv[0] ?? "").split("/").at(-1) ?? "";
  const plain = base.replace(/[^A-Za-z0-9_-]/g, "").replace(/^-+/, "").slice(0, 32) || "job";
  return `${plain}-${randomHex(3)}`;
}

function invalid(issue: v.BaseIssue<unknown>): IrisError {
  const field = v.getDotPath(issue) ?? "body";
  if (issue.type === "strict_object" && issue.expected === "never") {
    return new IrisError("invalid", `There is no field ${field} in a job`, { field });
  }
  if (issue.received === "undefined") {
    return new IrisError("invalid", `${field} is missing`, { field });
  }
  return new IrisError("invalid", `${field} ${issue.message}`, { field });
}

/** A value for an error message: one line, and never a long one. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

function must(what: string): (issue: v.BaseIssue<unknown>) => string {
  return (issue) => `must be ${what}: it is ${show(issue.input)}`;
}

function whole(min: number, max: number) {
  const message = must(`a whole number from ${min} to ${max}`);
  return v.pipe(
    v.number(message),
    v.check((n) => Number.isSafeInteger(n) && n >= min && n <= max, message),
  );
}

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

function text(what: string) {
  return v.pipe(
    v.string(must(what)),
    v.check((value) => !value.includes("\0"), "must not contain a NUL character"),
  );
}

const argv = v.pipe(
  v.array(text("a text"), must("a list of texts")),
  v.check((list) => list.length > 0 && list[0] !== "", "must name a command"),
  v.check(
    (list) => list.length <= MAX_ARGV_ENTRIES,
    `must have at most ${MAX_ARGV_ENTRIES} entries`,
  ),
  v.check(
    (list) => list.reduce((sum, entry) => sum + bytesOf(entry), 0) <= MAX_ARGV_BYTES,
    `must have at most ${MAX_ARGV_BYTES} bytes in all`,
  ),
);

const env = v.pipe(
  v.record(
    v.pipe(
      v.string(),
      v.regex(ENV_NAME, "has letters, digits and '_' in a variable's name, and no digit first"),
      v.check((name) => !name.startsWith("IRIS_"), "is set by Iris: IRIS_* cannot be given"),
    ),
    text("a text"),
    must("an object of names and texts"),
  ),
  v.check(
    (vars) => Object.keys(vars).length <= MAX_ENV_ENTRIES,
    `must have at most ${MAX_ENV_ENTRIES} variables`,
  ),
  v.check(
    (vars) =>
      Object.entries(vars).reduce((sum, [k, value]) => sum + bytesOf(k) + bytesOf(value), 0) <=
        MAX_ENV_BYTES,
    `must have at most ${MAX_ENV_BYTES} bytes in all`,
  ),
);

const cwd = v.pipe(
  text("an absolute path or null"),
  v.check((path) => path.startsWith("/"), must("an absolute path or null")),
  v.check((path) => bytesOf(path) <= MAX_CWD_BYTES, `must have at most ${MAX_CWD_BYTES} bytes`),
);

const jobSpec = v.strictObject({
  name: v.optional(v.nullable(v.string(must("a text"))), null),
  argv,
  replicas: v.optional(whole(1, MAX_REPLICAS), JOB_DEFAULTS.replicas),
  cpuMilli: v.optional(whole(0, MAX_CPU_MILLI), JOB_DEFAULTS.cpuMilli),
  memoryBytes: v.optional(whole(0, Number.MAX_SAFE_INTEGER), JOB_DEFAULTS.memoryBytes),
  env: v.optional(env, {}),
  cwd: v.optional(v.nullable(cwd), null),
  graceMs: v.optional(whole(0, MAX_GRACE_MS), JOB_DEFAULTS.graceMs),
  timeoutMs: v.optional(v.nullable(whole(1, MAX_TIMEOUT_MS)), null),
  retries: v.optional(whole(0, MAX_RETRIES), JOB_DEFAULTS.retries),
  maxTaskFailures: v.optional(whole(0, MAX_REPLICAS), JOB_DEFAULTS.maxTaskFailures),
  ifExists: v.optional(
    v.picklist(["error", "keep", "replace"], must('"error", "keep" or "replace"')),
    JOB_DEFAULTS.ifExists,
  ),
}, must("an object"));
