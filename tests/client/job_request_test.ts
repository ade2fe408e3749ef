import { assertEquals } from "@std/assert";
import type { JobRequest } from "../../src/client/mod.ts";
import { JOB_SPEC_SCHEMA, parseJobSpec } from "../../src/wire/job_spec.ts";

/** The compiler sees that this has each field of a request, and no other. */
const FIELDS: Readonly<Record<keyof JobRequest, true>> = {
  ...{ name: true, argv: true, replicas: true, entries: true, cpuMilli: true, memoryBytes: true },
  ...{ resources: true, constraints: true, env: true, cwd: true, graceMs: true, timeoutMs: true },
  ...{ startTimeoutMs: true, retries: true, lossRetries: true, crashRetries: true },
  ...{ backoffMs: true, maxTaskFailures: true, maxRunning: true, hold: true, band: true },
  ...{ preemptible: true, preempts: true, gang: true, after: true, ifExists: true, module: true },
  ...{ container: true, bundle: true, ports: true, warn: true, cpuLimitMilli: true },
  ...{ pidsLimit: true, logBytes: true, outputBytes: true, result: true, webhook: true },
};

Deno.test("a request has the fields of the API, and no others", () => {
  assertEquals(Object.keys(FIELDS).sort(), Object.keys(JOB_SPEC_SCHEMA.entries).sort());
});

Deno.test("what may be left out of a request gets its default", () => {
  const request: JobRequest = {
    module: { file: "/a.ts", export: "main" },
    after: [{ job: "b" }],
    constraints: [{ key: "zone", op: "exists" }, { key: "gpu", op: "eq", values: ["a"] }],
  };
  const { module, after, constraints } = parseJobSpec(request, { user: "ada" });
  assertEquals(module, { file: "/a.ts", export: "main", args: null });
  assertEquals(after, [{ job: "/ada/b", on: "success" }]);
  assertEquals(constraints.slice(0, 2).map(({ values, required }) => [values, required]), [
    [[], true],
    [["a"], true],
  ]);
});
