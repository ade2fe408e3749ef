/** What a program submits is what the API takes. */
import { assertEquals } from "@std/assert";
import type * as v from "valibot";
import type { JobRequest } from "../../src/client/mod.ts";
import { type JOB_SPEC_SCHEMA, parseJobSpec } from "../../src/wire/job_spec.ts";

type Taken = keyof v.InferInput<typeof JOB_SPEC_SCHEMA>;
/** Fields of a request that the API does not take, and the other way: the compiler sees that there are none. */
type Apart = Exclude<keyof JobRequest, Taken> | Exclude<Taken, keyof JobRequest>;
const APART: Readonly<Record<Apart, true>> = {};

Deno.test("what may be left out of a request gets its default", () => {
  const request: JobRequest = {
    module: { file: "/a.ts", export: "main" },
    after: [{ job: "b" }],
    constraints: [{ key: "zone", op: "exists" }, { key: "gpu", op: "eq", values: ["a"] }],
  };
  assertEquals(APART, {});
  const { module, after, constraints } = parseJobSpec(request, { user: "ada" });
  assertEquals(module, { file: "/a.ts", export: "main", args: null });
  assertEquals(after, [{ job: "/ada/b", on: "success" }]);
  assertEquals(constraints.slice(0, 2).map(({ values, required }) => [values, required]), [
    [[], true],
    [["a"], true],
  ]);
});
