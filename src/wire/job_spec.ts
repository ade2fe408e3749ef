/**
 * Validation of a submitted job: unknown JSON in, a complete {@linkcode JobSpec} out. The submit
 * route calls it; nothing behind that route checks a spec again.
 */
import * as v from "valibot";
import { IrisError } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { BANDS, CONSTRAINT_OPS, type JobSpec } from "./api.ts";
import { MAX_REPLICAS, MAX_RETRIES } from "./limits.ts";
import { conflictOf, type Constraint } from "../model/constraints.ts";
import { must, show, text, whole } from "./fields.ts";
import { runtimeNeeds } from "./runtime_needs.ts";
import { NO_OPTIONS, OPTION_ENTRIES, optionProblem } from "./task_options.ts";
import { webhookProblem } from "./webhook.ts";
import { invalidField } from "./invalid_field.ts";

/** The longest full name of a job, in characters. */
export const MAX_NAME_CHARS = 256;
/** The most parts of a name, the user among them. */
export const MAX_NAME_PARTS = 8;
/** The most entries of `argv`. */
export const MAX_ARGV_ENTRIES = 4_096;
/**
 * All of `argv` together, in bytes of UTF-8, each entry with the NUL that ends it. No single one can be
 * larger than this when a program is started (`MAX_ARG_STRLEN` of Linux).
 */
export const MAX_ARGV_BYTES = 128 * 1024;
/** The most variables in `env`. */
export const MAX_ENV_ENTRIES = 1_000;
/** All of `env` together as `NAME=VALUE`, in bytes of UTF-8, each with the NUL that ends it. */
export const MAX_ENV_BYTES = 128 * 1024;
/** The longest working directory, in bytes of UTF-8. */
export const MAX_CWD_BYTES = 4_096;
/** The most cores a task may ask for, in thousandths. */
export const MAX_CPU_MILLI = 1_000_000_000;
/** The longest grace between SIGTERM and SIGKILL, in ms: a day. */
export const MAX_GRACE_MS = 86_400_000;
/** The longest time limit of a task, in ms: ten years. */
export const MAX_TIMEOUT_MS = 315_360_000_000;
/** The most constraints, dependencies or named resources of a job. */
export const MAX_LIST_ENTRIES = 100;
/** The most values of one constraint. */
const MAX_CONSTRAINT_VALUES = 1_000;
/** One entry of `entries`, in bytes of UTF-8: it becomes a variable of the environment. */
const MAX_ENTRY_BYTES = 64 * 1024;

/** What a submit that says nothing of them gets. */
export const JOB_DEFAULTS = {
  replicas: 1,
  cpuMilli: 1_000,
  memoryBytes: 0,
  graceMs: 10_000,
  retries: 0,
  lossRetries: 100,
  crashRetries: 10,
  backoffMs: 1_000,
  maxTaskFailures: 0,
  band: "interactive",
  ifExists: "error",
} as const;

/** What specs of earlier versions do not have. */
const ADDED = {
  entries: null,
  resources: {},
  constraints: [],
  startTimeoutMs: null,
  lossRetries: JOB_DEFAULTS.lossRetries,
  crashRetries: JOB_DEFAULTS.crashRetries,
  backoffMs: JOB_DEFAULTS.backoffMs,
  maxRunning: null,
  hold: false,
  band: JOB_DEFAULTS.band,
  preemptible: true,
  preempts: true,
  gang: null,
  after: [],
  webhook: null,
  ...NO_OPTIONS,
} as const satisfies Partial<JobSpec>;

/** The spec of a stored job, whichever version of this program wrote it. */
export function specFromStore(json: string): JobSpec {
  // Written by this program from checked values.
  return { ...ADDED, ...JSON.parse(json) as JobSpec };
}

const NAME_PART = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const UNUSABLE_KEYS = ["__proto__", "prototype", "constructor"];
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
  checkUser(user);
  checkKeys(input);
  const parsed = v.safeParse(JOB_SPEC_SCHEMA, input, { abortEarly: true });
  if (!parsed.success) throw invalidField(parsed.issues[0]);
  const given = parsed.output;
  const name = fullName(given.name ?? nameFor(commandOf(given)), user);
  const after = given.after.map(({ job, on }, i) => ({
    job: within(`after.${i}.job`, () => fullName(job, user)),
    on,
  }));
  const replicas = given.replicas ?? given.entries?.length ?? JOB_DEFAULTS.replicas;
  const constraints = withNeeds(given.constraints, runtimeNeeds(given));
  const spec: JobSpec = { ...given, name, replicas, after, constraints };
  checkTogether(spec);
  return spec;
}

/** Who submits is the first part of the job's name, and not a field of the body. */
function checkUser(user: string): void {
  if (NAME_PART.test(user)) return;
  const field = "X-Iris-User";
  const message =
    `${field} may have letters, digits, '.', '_' and '-', at most 64 of them: it is ` +
    show(user);
  throw new IrisError("invalid", message, { field });
}

/** Names that mean something else in JavaScript: the schemas would leave them out in silence. */
function checkKeys(input: unknown): void {
  if (Array.isArray(input)) {
    throw new IrisError("invalid", "body must be an object: it is a list", { field: "body" });
  }
  for (const map of ["env", "resources"]) {
    const given = (input as Record<string, unknown> | null)?.[map];
    if (typeof given !== "object" || given === null) continue;
    const key = Object.keys(given).find((name) => UNUSABLE_KEYS.includes(name));
    if (key === undefined) continue;
    const field = `${map}.${key}`;
    throw new IrisError("invalid", `${field} is a name that cannot be given`, { field });
  }
}

/** What a job needs anyway, unless it said so itself. */
function withNeeds(said: readonly Constraint[], needs: readonly Constraint[]): Constraint[] {
  const isSaid = (need: Constraint) => said.some((one) => one.key === need.key && one.required);
  return [...said, ...needs.filter((need) => !isSaid(need))];
}

/** An error about a name, as one about the field that holds it. */
function within<T>(field: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    if (!(error instanceof IrisError)) throw error;
    throw new IrisError("invalid", `${field}: ${error.message}`, { field });
  }
}

/** What fields say about each other. */
function checkTogether(spec: JobSpec): void {
  const refuse = (field: string, why: string) => {
    throw new IrisError("invalid", `${field} ${why}`, { field });
  };
  const { entries, replicas, gang, maxRunning, name } = spec;
  if (entries !== null && entries.length !== replicas) {
    refuse("replicas", `must be the number of entries: it is ${replicas}, not ${entries.length}`);
  }
  if (gang !== null && maxRunning !== null && maxRunning < replicas) {
    refuse("maxRunning", `must not be less than the gang: all ${replicas} tasks run together`);
  }
  if (gang !== null && spec.maxTaskFailures > 0) {
    refuse("maxTaskFailures", "must be 0 for a gang: a member that fails ends all of it");
  }
  const unset = spec.secrets?.find((variable) => !Object.hasOwn(spec.env, variable));
  if (unset !== undefined) refuse("secrets", `names ${show(unset)}, which env does not have`);
  const problem = optionProblem(spec);
  if (problem !== null) refuse(problem.field, problem.why);
  const [i, why] = conflictOf(spec.constraints) ?? [];
  if (i !== undefined) refuse(`constraints.${i}`, `can never hold: ${why}`);
  spec.after.forEach(({ job }, k) => {
    if (spec.after.findIndex((other) => other.job === job) < k) {
      refuse(`after.${k}.job`, `names ${job} a second time`);
    }
    if (job === name) {
      refuse(`after.${k}.job`, "must not be the job itself: it would wait for ever");
    }
    if (name.startsWith(`${job}/`)) {
      refuse(`after.${k}.job`, `must not be ${job}: this job is a part of it`);
    }
  });
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

/** What a job without a name is named after. */
function commandOf({ argv, module, container }: v.InferOutput<typeof JOB_SPEC_SCHEMA>): string {
  return argv[0] ?? moduleName(module) ?? container?.image ?? "";
}

/** What a module is called: by its function, unless that is called as in any module. */
function moduleName(module: v.InferOutput<typeof JOB_SPEC_SCHEMA>["module"]): string | undefined {
  if (module === null) return undefined;
  const plain = ["default", "main"].includes(module.export);
  return plain ? module.file.replace(/\.\w+$/, "") : module.export;
}

/** Like the command, so that a list of jobs can be read; unique, so that it never clashes. */
function nameFor(command: string): string {
  const base = command.split("/").at(-1) ?? "";
  const plain = base.replace(/[^A-Za-z0-9_-]/g, "").replace(/^-+/, "").slice(0, 32) || "job";
  return `${plain}-${randomHex(3)}`;
}

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

const argv = v.pipe(
  v.array(text("a text"), must("a list of texts")),
  v.check((list) => list[0] !== "", "must name a command"),
  v.check(
    (list) => list.length <= MAX_ARGV_ENTRIES,
    `must have at most ${MAX_ARGV_ENTRIES} entries`,
  ),
  v.check(
    (list) => list.reduce((sum, entry) => sum + bytesOf(entry) + 1, 0) <= MAX_ARGV_BYTES,
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
    // What was given is not repeated: it may be a secret.
    v.pipe(v.string("must be a text"), text("a text")),
    "must be an object of names and texts",
  ),
  v.check(
    (vars) => Object.keys(vars).length <= MAX_ENV_ENTRIES,
    `must have at most ${MAX_ENV_ENTRIES} variables`,
  ),
  v.check(
    (vars) =>
      Object.entries(vars).reduce((sum, [k, value]) => sum + bytesOf(k) + bytesOf(value) + 2, 0) <=
        MAX_ENV_BYTES,
    `must have at most ${MAX_ENV_BYTES} bytes in all`,
  ),
);

const cwd = v.pipe(
  text("an absolute path or null"),
  v.check((path) => path !== "", must("an absolute path or null")),
  v.check((path) => bytesOf(path) <= MAX_CWD_BYTES, `must have at most ${MAX_CWD_BYTES} bytes`),
);

const KEY = /^[A-Za-z0-9_][A-Za-z0-9._/-]{0,62}$/;
const key = v.pipe(
  v.string(must("a text")),
  v.regex(KEY, must("a name of letters, digits, '.', '_', '/' and '-', at most 63 of them")),
);

function atMost<T>(entries: readonly T[]): boolean {
  return entries.length <= MAX_LIST_ENTRIES;
}

const constraint = v.pipe(
  v.strictObject({
    key,
    op: v.picklist(CONSTRAINT_OPS, must(`one of ${CONSTRAINT_OPS.join(", ")}`)),
    values: v.optional(
      v.pipe(
        v.array(text("a text"), must("a list of texts")),
        v.check((list) => list.length <= MAX_CONSTRAINT_VALUES, "has too many values"),
      ),
      [],
    ),
    required: v.optional(v.boolean(must("true or false")), true),
  }, must("an object with key, op and values")),
  v.check(({ op, values }) => {
    if (op === "exists" || op === "absent") return values.length === 0;
    return op === "in" || op === "not_in" ? values.length > 0 : values.length === 1;
  }, "needs one value, several for in and not_in, none for exists and absent"),
  v.check(
    ({ op, values }) =>
      !["lt", "le", "gt", "ge"].includes(op) || Number.isFinite(Number(values[0] || NaN)),
    "compares with a number",
  ),
);

const entries = v.pipe(
  v.array(text("a text"), must("a list of texts")),
  v.check((list) => list.length > 0, "must not be empty"),
  v.check((list) => list.length <= MAX_REPLICAS, `must have at most ${MAX_REPLICAS} entries`),
  v.check(
    (list) => list.every((entry) => bytesOf(entry) <= MAX_ENTRY_BYTES),
    `must have at most ${MAX_ENTRY_BYTES} bytes in each entry`,
  ),
);

const webhook = v.pipe(
  text("a URL or null"),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? webhookProblem(dataset.value) : null;
    if (problem !== null) addIssue({ message: problem });
  }),
);

const boundedList = "must have at most 100 entries";
const flag = (fallback: boolean) => v.optional(v.boolean(must("true or false")), fallback);

/** What a submit may say; everything but the command has a default. */
export const JOB_SPEC_SCHEMA = v.strictObject({
  name: v.optional(v.nullable(v.string(must("a text"))), null),
  argv: v.optional(argv, []),
  replicas: v.optional(whole(1, MAX_REPLICAS)),
  entries: v.optional(v.nullable(entries), null),
  cpuMilli: v.optional(whole(0, MAX_CPU_MILLI), JOB_DEFAULTS.cpuMilli),
  memoryBytes: v.optional(whole(0, Number.MAX_SAFE_INTEGER), JOB_DEFAULTS.memoryBytes),
  resources: v.optional(
    v.pipe(
      v.record(key, whole(0, Number.MAX_SAFE_INTEGER), must("an object of names and numbers")),
      v.check((map) => atMost(Object.keys(map)), boundedList),
    ),
    {},
  ),
  constraints: v.optional(
    v.pipe(v.array(constraint, must("a list of constraints")), v.check(atMost, boundedList)),
    [],
  ),
  env: v.optional(env, {}),
  secrets: v.optional(
    v.pipe(
      v.array(text("a variable's name"), "must be a list of names of variables"),
      v.check((list) => list.length <= MAX_ENV_ENTRIES, "has too many names"),
    ),
    [],
  ),
  cwd: v.optional(v.nullable(cwd), null),
  graceMs: v.optional(whole(0, MAX_GRACE_MS), JOB_DEFAULTS.graceMs),
  timeoutMs: v.optional(v.nullable(whole(1, MAX_TIMEOUT_MS)), null),
  startTimeoutMs: v.optional(v.nullable(whole(1, MAX_TIMEOUT_MS)), null),
  retries: v.optional(whole(0, MAX_RETRIES), JOB_DEFAULTS.retries),
  lossRetries: v.optional(whole(0, MAX_RETRIES), JOB_DEFAULTS.lossRetries),
  crashRetries: v.optional(whole(0, MAX_RETRIES), JOB_DEFAULTS.crashRetries),
  backoffMs: v.optional(whole(0, MAX_GRACE_MS), JOB_DEFAULTS.backoffMs),
  maxTaskFailures: v.optional(whole(0, MAX_REPLICAS), JOB_DEFAULTS.maxTaskFailures),
  maxRunning: v.optional(v.nullable(whole(1, MAX_REPLICAS)), null),
  hold: flag(false),
  band: v.optional(v.picklist(BANDS, must(`one of ${BANDS.join(", ")}`)), JOB_DEFAULTS.band),
  preemptible: flag(true),
  preempts: flag(true),
  gang: v.optional(v.nullable(v.strictObject({ groupBy: key }, must("an object or null"))), null),
  after: v.optional(
    v.pipe(
      v.array(v.strictObject({
        job: v.string(must("a job's name")),
        on: v.optional(v.picklist(["success", "end"], must('"success" or "end"')), "success"),
      }, must("an object with job and on"))),
      v.check(atMost, boundedList),
    ),
    [],
  ),
  ifExists: v.optional(
    v.picklist(["error", "keep", "replace"], must('"error", "keep" or "replace"')),
    JOB_DEFAULTS.ifExists,
  ),
  webhook: v.optional(v.nullable(webhook), null),
  ...OPTION_ENTRIES,
}, must("an object"));
