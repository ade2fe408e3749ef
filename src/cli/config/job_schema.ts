/**
 * What a job file may hold: the flags of `job run` that say what a job is, and its command. Made from
 * the declarations of the flags, so that file, command line and help say the same. Pure.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { JOB_FLAGS } from "../flags/job_flags.ts";
import { flagEntries } from "./file_schema.ts";

const word = v.union(
  [v.string(), v.number(), v.boolean()],
  "This is not a word of a command",
);

/** A command: its words, or a line for `sh -c`. */
const COMMAND_SCHEMA = v.pipe(
  v.union([
    v.pipe(v.string(), v.minLength(1, "It is empty")),
    v.pipe(v.array(word), v.minLength(1, "It is empty")),
  ]),
  v.description("what each task runs: a list of words, or a line for sh -c"),
);

/** One job. */
export const JOB_FILE_SCHEMA = v.strictObject({
  ...flagEntries(JOB_FLAGS),
  command: v.optional(COMMAND_SCHEMA),
  args: v.optional(v.pipe(v.unknown(), v.description(`${JOB_FLAGS.args.help}; any value`))),
});

/** Several jobs. */
export const JOBS_FILE_SCHEMA = v.strictObject({
  jobs: v.pipe(
    v.array(JOB_FILE_SCHEMA, "Here stands a list of jobs"),
    v.minLength(1, "There is no job in it"),
    v.description("jobs that are submitted together; `after` may name any of them"),
  ),
});

/** The JSON schema of a job file, for editors. */
export function jobJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = toJsonSchema(v.union([JOB_FILE_SCHEMA, JOBS_FILE_SCHEMA]), {
    typeMode: "input",
    errorMode: "ignore",
  });
  return {
    $schema,
    title: "job.yaml",
    description: "A job of Iris, or several under `jobs`: what `iris job run -f` takes.",
    ...rest,
  };
}
