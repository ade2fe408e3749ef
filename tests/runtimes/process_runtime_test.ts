import { assertEquals } from "@std/assert";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import { NO_OPTIONS } from "../../src/wire/task_options.ts";
import { sampleSpec } from "../support/reconcile_samples.ts";

const worker = { worker: "w0", controllerUrl: "http://c", path: "/bin", home: "/root" };

Deno.test("a task's environment is PATH, HOME, what the job sets and IRIS_*, nothing else", () => {
  const spec = { ...sampleSpec(4), env: { A: "1", HOME: "/else", IRIS_WORKER: "liar" } };
  const plan = processRuntime.plan(spec, worker);
  assertEquals(plan.env, {
    PATH: "/bin",
    HOME: "/else",
    A: "1",
    IRIS_JOB: "/u/job4",
    IRIS_REPLICAS: "10",
    IRIS_WORKER: "w0",
    IRIS_CONTROLLER: "http://c",
  });
});

Deno.test("what else a spec says is passed on as it is", () => {
  const spec = sampleSpec(4);
  const { env: _, ...plan } = processRuntime.plan(spec, worker);
  const { env: __, replicas: ___, ...sent } = spec;
  assertEquals({ ...plan, ...plan.options }, { ...sent, options: NO_OPTIONS });
});
