import { assertEquals, assertStrictEquals } from "@std/assert";
import { IrisError, messageOf } from "../../src/base/errors.ts";
import { inTermsOfFlags } from "../../src/cli/commands/flag_names.ts";
import { JOB_FLAGS } from "../../src/cli/flags/job_flags.ts";
import { JOB_SPEC_SCHEMA } from "../../src/wire/job_spec.ts";

/** What does not come from a flag of its own. */
const NOT_TYPED = ["argv", "preemptible", "preempts", "hold"];

Deno.test("what is wrong with a field is said of its flag", () => {
  const rows = [
    ["after.0.job", "after.0.job: there is no job /u/x", "--after: there is no job /u/x"],
    ["constraints.1", "constraints.1 can never hold: a", "--constraint can never hold: a"],
    ["gang.groupBy", "gang.groupBy must be a name", "--gang must be a name"],
    ["env.1X", "env.1X has letters", "--env 1X has letters"],
    ["cpuMilli", "cpuMilli must be less", "--cpu must be less"],
    ["argv", "argv must have at most 3 bytes", "the command must have at most 3 bytes"],
  ] as const;
  for (const [field, message, said] of rows) {
    assertEquals(messageOf(inTermsOfFlags(new IrisError("invalid", message, { field }))), said);
  }
});

Deno.test("what does not begin with its field, and what is of no field, stays as it is", () => {
  const errors = [
    new IrisError("conflict", "A job named /u/a exists and is not done", { field: "name" }),
    new IrisError("unavailable", "after a while"),
    new IrisError("conflict", "constructor x", { field: "constructor" }),
    new Error("after.0.job x"),
  ];
  for (const error of errors) assertStrictEquals(inTermsOfFlags(error), error);
});

Deno.test("every field of a job has its flag", () => {
  const flags = new Set(
    Object.keys(JOB_FLAGS).map((key) => `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`),
  );
  for (const field of Object.keys(JOB_SPEC_SCHEMA.entries)) {
    if (NOT_TYPED.includes(field)) continue;
    const error = inTermsOfFlags(new IrisError("invalid", `${field} is wrong`, { field }));
    const [flag = ""] = messageOf(error).split(" ");
    assertEquals([field, flags.has(flag)], [field, true]);
  }
});
