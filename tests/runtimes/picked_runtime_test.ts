import { assertEquals } from "@std/assert";
import { plainPlan } from "../../src/runtimes/launch_plan.ts";
import { pickedRuntime } from "../../src/runtimes/picked_runtime.ts";
import type { TaskRuntime } from "../../src/runtimes/task_runtime.ts";
import type { AttemptSpec } from "../../src/wire/reconcile.ts";
import { sampleSpec } from "../support/reconcile_samples.ts";

const named = (kind: string): TaskRuntime => ({
  kind,
  plan: (spec) => plainPlan(spec, { argv: [kind], env: {} }),
});

Deno.test("a job's options pick its runtime, and one of an earlier controller is a process", () => {
  const runtime = pickedRuntime({
    process: named("process"),
    module: named("module"),
    container: named("container"),
  });
  const worker = { worker: "w0", controllerUrl: "http://c", path: "/bin", home: "/root" };
  const picked = (spec: AttemptSpec) => runtime.plan(spec, worker).argv[0];
  const plain = sampleSpec(1);
  assertEquals(picked(plain), "process");
  assertEquals(picked({ ...plain, module: { file: "/a.ts", export: "b", args: 1 } }), "module");
  assertEquals(picked({ ...plain, container: { image: "x" } }), "container");
  const { module: _, container: __, ...earlier } = plain;
  assertEquals(picked(earlier as AttemptSpec), "process");
});
