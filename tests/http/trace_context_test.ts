import { assertEquals } from "@std/assert";
import { withTrace } from "../../src/http/trace_context.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";

const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function envOf(header: string | undefined, env: Record<string, string> = {}) {
  return withTrace(parseJobSpec({ name: "a", argv: ["x"], env }, { user: "u" }), header).env;
}

Deno.test("the trace of a submit is in the environment of its tasks, unless the job names another", () => {
  assertEquals(envOf(TRACE, { A: "1" }), { A: "1", TRACEPARENT: TRACE });
  assertEquals(envOf(TRACE, { TRACEPARENT: "mine" }), { TRACEPARENT: "mine" });
  assertEquals(envOf(undefined), {});
});

Deno.test("what is no trace gets nowhere", () => {
  for (
    const header of [
      ...["", "x", `${TRACE}\nA=1`, TRACE.toUpperCase(), TRACE.replace("00-", "ff-")],
      "00-00000000000000000000000000000000-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    ]
  ) assertEquals(envOf(header), {}, header);
});
