import { assert, assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { entriesOf, jobRequest } from "../../src/cli/commands/job_request.ts";
import { parseCommandLine } from "../../src/cli/flags/parse.ts";
import { JOB_FLAGS } from "../../src/cli/flags/job_flags.ts";
import { typedName } from "../../src/cli/flags/flag.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";

/** What the controller makes of `iris job run FLAGS -- x`. */
function specOf(...flags: string[]) {
  const parsed = parseCommandLine(["job", "run", ...flags, "--", "x"], {
    commands: COMMANDS,
    env: () => undefined,
  });
  assert(parsed.kind === "run");
  const { values, argv } = parsed.invocation;
  return parseJobSpec(jobRequest(values as never, { argv, cwd: null }), { user: "u" });
}

const SAID: Readonly<Record<string, readonly [typed: readonly string[], means: object]>> = {
  name: [["sweep"], { name: "/u/sweep" }],
  replicas: [["3"], { replicas: 3 }],
  cpu: [["0.5"], { cpuMilli: 500 }],
  memory: [["1MB"], { memoryBytes: 1_000_000 }],
  disk: [["1KiB"], { resources: { disk: 1_024 } }],
  gpu: [["H100=2"], {
    resources: { gpu: 2_000 },
    constraints: [{ key: "gpu-kind", op: "eq", values: ["h100"], required: true }],
  }],
  resource: [["licence=0.5"], { resources: { licence: 500 } }],
  constraint: [["zone in a,b"], {
    constraints: [{ key: "zone", op: "in", values: ["a", "b"], required: true }],
  }],
  prefer: [["!spot"], {
    constraints: [{ key: "spot", op: "absent", values: [], required: false }],
  }],
  gang: [["rack"], { gang: { groupBy: "rack" } }],
  priority: [["batch"], { band: "batch" }],
  notPreemptible: [[], { preemptible: false }],
  after: [["first:end"], { after: [{ job: "/u/first", on: "end" }] }],
  hold: [[], { hold: true }],
  maxRunning: [["7"], { maxRunning: 7 }],
  env: [["A=b=c"], { env: { A: "b=c" } }],
  secretEnv: [["A=b=c"], { env: { A: "b=c" }, secrets: ["A"] }],
  cwd: [["/tmp"], { cwd: "/tmp" }],
  timeout: [["2m"], { timeoutMs: 120_000 }],
  startTimeout: [["1s"], { startTimeoutMs: 1_000 }],
  grace: [["500ms"], { graceMs: 500 }],
  retries: [["4"], { retries: 4 }],
  backoff: [["3s"], { backoffMs: 3_000 }],
  lossRetries: [["5"], { lossRetries: 5 }],
  crashRetries: [["6"], { crashRetries: 6 }],
  maxTaskFailures: [["2"], { maxTaskFailures: 2 }],
  ifExists: [["replace"], { ifExists: "replace" }],
  image: [["busybox"], {
    container: { image: "busybox" },
    constraints: [{ key: "runtime-container", op: "exists", values: [], required: true }],
  }],
  port: [["web"], { ports: ["web"] }],
  signal: [["USR1@1s", "--timeout", "2m"], {
    warn: { signal: "SIGUSR1", beforeMs: 1_000 },
    timeoutMs: 120_000,
  }],
  cpuLimit: [["1.5"], { cpuLimitMilli: 1_500 }],
  pids: [["9"], { pidsLimit: 9 }],
  logLimit: [["1MB"], { logBytes: 1_000_000 }],
  outputs: [["2MB"], { outputBytes: 2_000_000 }],
  result: [[], { result: true }],
  webhook: [["https://a.example/x"], { webhook: "https://a.example/x" }],
};

/** What is in a file or a folder is read elsewhere; a module stands in the place of a command. */
const ELSEWHERE = ["eachLine", "bundle", "module", "args"];

Deno.test("every flag of a job says what it means, and nothing else", () => {
  const { name: _, ...plain } = specOf();
  for (const flag of Object.keys(JOB_FLAGS)) {
    if (ELSEWHERE.includes(flag)) continue;
    const [typed, means] = SAID[flag]!;
    const { name, ...spec } = specOf(typedName(flag), ...typed);
    const said = flag === "name" ? { name, ...spec } : spec;
    assertEquals(said as object, { ...plain, ...means }, flag);
  }
});

Deno.test("a module and its arguments stand in the place of a command", () => {
  const parsed = parseCommandLine(
    ["job", "run", "--module", "/a/train.ts#main", "--args", '{"n":3}'],
    { commands: COMMANDS, env: () => undefined },
  );
  assert(parsed.kind === "run");
  const { values, argv } = parsed.invocation;
  const spec = parseJobSpec(jobRequest(values as never, { argv, cwd: null }), { user: "u" });
  assertEquals(spec.module, { file: "/a/train.ts", export: "main", args: { n: 3 } });
  assertEquals(spec.argv, []);
  assertEquals(/^\/u\/train-/.test(spec.name), true);
});

Deno.test("the lines of a file are entries: without their ends and without empty ones", () => {
  assertEquals(entriesOf("a b\r\n\n\tc\nlast"), ["a b", "\tc", "last"]);
  const error = assertThrows(() => entriesOf("\n\n"), IrisError);
  assertEquals([error.code, error.field], ["usage", "--each-line"]);
});
