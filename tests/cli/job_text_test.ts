import { assertEquals } from "@std/assert";
import { explanationText, jobDetails } from "../../src/cli/commands/job_text.ts";
import type { JobExplanation, JobView } from "../../src/wire/api.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";

const NOTHING: JobExplanation = {
  name: "/u/a",
  generation: 1,
  state: "PENDING",
  reason: "why",
  waitsFor: [],
  held: false,
  resting: null,
  ready: 0,
  allowance: null,
  placement: null,
  scaling: null,
};

Deno.test("an explanation says what a job is in words that read well", () => {
  const line = (state: JobExplanation["state"]) => explanationText({ ...NOTHING, state });
  assertEquals(
    ([
      "PENDING",
      "RUNNING",
      "SUCCEEDED",
      "FAILED",
      "KILLED",
      "WORKER_FAILED",
      "UNSCHEDULABLE",
    ] as const)
      .map(line),
    [
      "/u/a is pending: why",
      "/u/a is running: why",
      "/u/a has succeeded: why",
      "/u/a has failed: why",
      "/u/a was killed: why",
      "/u/a has failed with its worker: why",
      "/u/a could not be placed: why",
    ],
  );
});

Deno.test("tasks of a job that is held or waits for another are not called ready", () => {
  const waiting = { ...NOTHING, ready: 2, allowance: 1 };
  assertEquals(explanationText({ ...waiting, held: true }).split("\n").slice(1), [
    "  2 tasks after that",
  ]);
  const waitsFor = [{ job: "/u/b", on: "end" }] as const;
  assertEquals(explanationText({ ...waiting, waitsFor }).split("\n").slice(1), [
    "  waits for the end of /u/b",
    "  2 tasks after that",
  ]);
  assertEquals(explanationText(waiting).split("\n").slice(1), [
    "  2 tasks ready to be placed",
    "  1 more may run at the same time",
  ]);
});

Deno.test("a job that still runs has no line of how long it took", () => {
  const spec = parseJobSpec({ name: "a", argv: ["true"] }, { user: "u" });
  const job: JobView = {
    name: "/u/a",
    generation: 1,
    state: "RUNNING",
    replicas: 1,
    counts: { RUNNING: 1 },
    done: false,
    submittedAtMs: 0,
    startedAtMs: 1,
    endedAtMs: null,
    reason: null,
    held: false,
    parent: null,
    retryOf: null,
    spec,
  };
  const said = (view: JobView) =>
    jobDetails(view, []).split("\n").filter((line) => line.startsWith("took"));
  assertEquals(said(job), []);
  assertEquals(said({ ...job, endedAtMs: 9 }), ["took      8 ms"]);
});
