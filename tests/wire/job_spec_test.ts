import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { ERROR_TABLE, exitCodeOfError, httpStatusOf } from "../../src/wire/error_table.ts";
import { parseJobSpec, specFromStore } from "../../src/wire/job_spec.ts";
import { NO_OPTIONS } from "../../src/wire/task_options.ts";
import {
  parseLogsRequest,
  parseReconcileRequest,
  parseReconcileResponse,
  parseRegisterRequest,
} from "../../src/wire/reconcile_schema.ts";
import { sampleRequest, sampleSpec } from "../support/reconcile_samples.ts";

const user = { user: "ann" };

Deno.test("a submit with a command alone gets every default", () => {
  assertEquals(parseJobSpec({ name: "a", argv: ["true"] }, user), {
    name: "/ann/a",
    argv: ["true"],
    replicas: 1,
    entries: null,
    cpuMilli: 1_000,
    memoryBytes: 0,
    resources: {},
    constraints: [],
    env: {},
    secrets: [],
    cwd: null,
    graceMs: 10_000,
    timeoutMs: null,
    startTimeoutMs: null,
    webhook: null,
    retries: 0,
    lossRetries: 100,
    crashRetries: 10,
    backoffMs: 1_000,
    maxTaskFailures: 0,
    maxRunning: null,
    hold: false,
    band: "interactive",
    preemptible: true,
    preempts: true,
    gang: null,
    after: [],
    ifExists: "error",
    ...NO_OPTIONS,
  });
});

Deno.test("a job without a name is named after its command, never twice alike", () => {
  const [a, b] = [1, 2].map(() => parseJobSpec({ argv: ["/usr/bin/my prog.sh", "x"] }, user).name);
  assertMatch(a!, /^\/ann\/myprogsh-[0-9a-f]{6}$/);
  assert(a !== b);
});

Deno.test("a full name is taken as it is", () => {
  assertEquals(parseJobSpec({ name: "/bob/a/child", argv: ["x"] }, user).name, "/bob/a/child");
});

Deno.test("lines make as many tasks, and names of other jobs are made full", () => {
  const spec = parseJobSpec({ argv: ["x"], entries: ["a", ""], after: [{ job: "b" }] }, user);
  assertEquals([spec.replicas, spec.after], [2, [{ job: "/ann/b", on: "success" }]]);
});

Deno.test("a working directory may be relative when there is a bundle to be below", () => {
  const bundle = "0".repeat(64);
  assertEquals(parseJobSpec({ argv: ["x"], cwd: "a/b", bundle }, user).cwd, "a/b");
});

Deno.test("a spec that an earlier version stored has every field", () => {
  const { argv, name, replicas } = parseJobSpec({ name: "a", argv: ["true"] }, user);
  const stored = specFromStore(JSON.stringify({ argv, name, replicas }));
  assertEquals([stored.after, stored.lossRetries, stored.gang], [[], 100, null]);
});

Deno.test("a job of a module or a container needs a worker with that runtime, said or not", () => {
  const keys = (input: Record<string, unknown>) =>
    parseJobSpec(input, user).constraints.map(({ key, op, required }) => [key, op, required]);
  const module = { file: "/a.ts", export: "main" };
  assertEquals(keys({ module }), [["runtime-module", "exists", true]]);
  const container = { image: "tool:1" };
  const zone = { key: "zone", op: "eq", values: ["a"] };
  assertEquals(keys({ container, constraints: [zone] }), [
    ["zone", "eq", true],
    ["runtime-container", "exists", true],
  ]);
  const docker = { key: "runtime-container", op: "in", values: ["docker 24.0"] };
  assertEquals(keys({ container, constraints: [docker] }), [["runtime-container", "in", true]]);
  assertEquals(keys({ argv: ["true"] }), []);
});

Deno.test("a module can be called with each task's entry, which is JSON then", () => {
  const entry = { file: "/a.ts", export: "main", entryAsArgs: true };
  const parse = (entries?: readonly string[]) =>
    parseJobSpec({ module: entry, ...(entries === undefined ? {} : { entries }) }, user);
  const { module, constraints, replicas } = parse(["1", '{"a":[2]}']);
  assertEquals([module, replicas], [{ ...entry, args: null }, 2]);
  assertEquals(constraints.map(({ key }) => key), ["runtime-module", "runtime-module-entries"]);
  const plain = parseJobSpec({ module: { file: "/a.ts", export: "main" } }, user);
  assertEquals(Object.keys(plain.module!), ["file", "export", "args"], "older workers take it");
  for (
    const [entries, field] of [[undefined, "entries"], [["1", "{oops"], "entries.1"]] as const
  ) {
    const error = assertThrows(() => parse(entries), IrisError);
    assertEquals([error.code, error.field], ["invalid", field]);
  }
});

Deno.test("a module without a name is named after its function, or its file", () => {
  const name = (exported: string) =>
    parseJobSpec({ module: { file: "/x/train.ts", export: exported } }, user).name;
  assertMatch(name("main"), /^\/ann\/train-/);
  assertMatch(name("default"), /^\/ann\/train-/);
  assertMatch(name("step2"), /^\/ann\/step2-/);
});

const BAD: readonly [field: string, extra: Record<string, unknown>][] = [
  ["replicas", { replicas: 0 }],
  ["replicas", { replicas: 1.5 }],
  ["replicas", { replicas: 10_000_001 }],
  ["replicas", { replicas: "4" }],
  ["argv", { argv: [] }],
  ["argv", { module: { file: "/a.ts", export: "main" } }],
  ["container", { module: { file: "/a.ts", export: "x" }, container: { image: "b" } }],
  ["module.file", { argv: [], module: { file: "a.ts", export: "main" } }],
  ["module.export", { argv: [], module: { file: "/a.ts", export: "no way" } }],
  ["module.args", { argv: [], module: { file: "/a.ts", export: "x", args: "y".repeat(70_000) } }],
  ["container.image", { container: { image: "--privileged" } }],
  ["bundle", { bundle: "../../etc" }],
  ["ports.0", { ports: ["a-b"] }],
  ["ports", { ports: ["web", "WEB"] }],
  ["warn", { warn: { signal: "SIGUSR1", beforeMs: 1 } }],
  ["warn.beforeMs", { timeoutMs: 5, warn: { signal: "SIGUSR1", beforeMs: 5 } }],
  ["warn.signal", { timeoutMs: 5, warn: { signal: "SIGKILL", beforeMs: 1 } }],
  ["pidsLimit", { pidsLimit: 0 }],
  ["cpuLimitMilli", { cpuLimitMilli: 0.5 }],
  ["argv", { argv: [""] }],
  ["argv", { argv: undefined }],
  ["argv", { argv: ["a".repeat(200_000)] }],
  ["argv.1", { argv: ["a", "b\0c"] }],
  ["argv.1", { argv: ["a", 7] }],
  ["name", { name: "a b" }],
  ["name", { name: "" }],
  ["name", { name: "/ann" }],
  ["name", { name: "/ann/.." }],
  ["name", { name: "/ann/a/3" }],
  ["name", { name: "x".repeat(65) }],
  ["name", { name: "/a/b/c/d/e/f/g/h/i" }],
  ["name", { name: 4 }],
  ["env.1X", { env: { "1X": "y" } }],
  ["env.IRIS_JOB", { env: { IRIS_JOB: "y" } }],
  ["env.X", { env: { X: 4 } }],
  ["secrets", { secrets: ["X"] }],
  ["secrets", { secrets: "X" }],
  ["env", { env: { X: "y".repeat(200_000) } }],
  ["cwd", { cwd: "relative" }],
  ["cwd", { cwd: "a/../../b", bundle: "0".repeat(64) }],
  ["module.file", {
    ...{ argv: [], bundle: "0".repeat(64) },
    module: { file: "../a.ts", export: "main" },
  }],
  ["cpuMilli", { cpuMilli: -1 }],
  ["memoryBytes", { memoryBytes: -1 }],
  ["graceMs", { graceMs: 1e12 }],
  ["timeoutMs", { timeoutMs: 0 }],
  ["retries", { retries: 1e7 }],
  ["replicas", { entries: ["a", "b"], replicas: 3 }],
  ["entries", { entries: [] }],
  ["entries", { entries: ["x".repeat(70_000)] }],
  ["entries.1", { entries: ["a", "b\0"] }],
  ["resources.gpu", { resources: { gpu: -1 } }],
  ["resources.a b", { resources: { "a b": 1 } }],
  ["constraints.0.op", { constraints: [{ key: "zone", op: "like", values: ["a"] }] }],
  ["constraints.0", { constraints: [{ key: "zone", op: "eq", values: [] }] }],
  ["constraints.0", { constraints: [{ key: "cores", op: "ge", values: ["many"] }] }],
  ["constraints.1", {
    constraints: [{ key: "zone", op: "eq", values: ["a"] }, { key: "zone", op: "absent" }],
  }],
  ["gang", { gang: "zone" }],
  ["maxRunning", { maxRunning: 0 }],
  ["maxRunning", { replicas: 4, maxRunning: 2, gang: { groupBy: "zone" } }],
  ["maxTaskFailures", { maxTaskFailures: 1, gang: { groupBy: "zone" } }],
  ["band", { band: "urgent" }],
  ["startTimeoutMs", { startTimeoutMs: 0 }],
  ["after.0.job", { after: [{ job: "a b" }] }],
  ["after.0.job", { name: "x", after: [{ job: "x" }] }],
  ["after.0.job", { name: "/ann/x/y", after: [{ job: "x" }] }],
  ["after.1.job", { after: [{ job: "a" }, { job: "a", on: "end" }] }],
  ["after.0.on", { after: [{ job: "a", on: "failure" }] }],
  ["maxTaskFailures", { maxTaskFailures: -1 }],
  ["ifExists", { ifExists: "maybe" }],
  ["colour", { colour: "red" }],
  [`\u001b\n${"x".repeat(10_240)}`, { [`\u001b\n${"x".repeat(10_240)}`]: 1 }],
  ["env.a\n\u001b[31mb", { env: { "a\n\u001b[31mb": "y" } }],
  [`env.a b${"x".repeat(10_240)}`, { env: { [`a b${"x".repeat(10_240)}`]: "y" } }],
  ["resources.a\n\u0085", { resources: { "a\n\u0085": 1 } }],
  ["env.constructor", { env: { constructor: "y" } }],
  ["env.__proto__", { env: JSON.parse('{"__proto__": "y"}') }],
  ["resources.prototype", { resources: { prototype: 1 } }],
  // A single variable or argument beyond what the system hands to a program.
  ["env", { env: { A: "x".repeat(128 * 1024 - 2) } }],
  ["argv", { argv: ["x", "x".repeat(128 * 1024 - 2)] }],
  ["argv.1", { argv: ["x", "\ud800"] }],
  ["entries.0", { entries: ["\udfff"] }],
  ["name", { name: "x".repeat(10_240) }],
  ["name", { name: "a\u001b[31m\nb" }],
  ["name", { name: "a//b" }],
  ["name", { name: "a/" }],
  ["name", { name: "/" }],
  ["name", { name: "../x" }],
  ["replicas", { replicas: Infinity }],
];

for (const [field, extra] of BAD) {
  Deno.test(`a job with ${JSON.stringify(extra).slice(0, 40)} is refused, naming ${field}`, () => {
    const error = assertThrows(() => parseJobSpec({ argv: ["x"], ...extra }, user), IrisError);
    assertEquals([error.code, error.field], ["invalid", field]);
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assert(!/[\x00-\x1f\x7f-\x9f]/.test(error.message), JSON.stringify(error.message));
    assert(error.message.length < 300, error.message);
  });
}

Deno.test("what fits into what a program can be given is taken", () => {
  const env = { A: "x".repeat(128 * 1024 - 3) };
  assertEquals(parseJobSpec({ argv: ["x"], env }, user).env, env);
  const argv = ["x", "x".repeat(128 * 1024 - 3)];
  assertEquals(parseJobSpec({ argv }, user).argv, argv);
});

Deno.test("a user who cannot be a part of a name is refused as such", () => {
  for (const bad of ["a b", "../..", "", "u".repeat(65)]) {
    const error = assertThrows(() => parseJobSpec({ argv: ["x"] }, { user: bad }), IrisError);
    assertEquals([error.code, error.field], ["invalid", "X-Iris-User"]);
  }
});

Deno.test("an error message says what is allowed and what was given", () => {
  const error = assertThrows(() => parseJobSpec({ argv: ["x"], replicas: 0 }, user), IrisError);
  assertEquals(error.message, "replicas must be a whole number from 1 to 10000000: it is 0");
  assertThrows(() => parseJobSpec("x", user), IrisError, "body must be an object");
});

Deno.test("every error code has a status and an exit code, mistakes in the input 400 and 2", () => {
  for (const [code, row] of Object.entries(ERROR_TABLE)) {
    assert(row.httpStatus >= 400 && row.httpStatus < 600, code);
    assert(row.exitCode === 1 || row.exitCode === 2, code);
  }
  assertEquals([httpStatusOf("invalid"), exitCodeOfError("usage")], [400, 2]);
  assertEquals([httpStatusOf("closing"), exitCodeOfError("conflict")], [503, 1]);
});

Deno.test("a reconcile call that a controller makes is taken as it is", () => {
  const request = sampleRequest(3, {
    specs: [sampleSpec(7)],
    run: [[7, 0, 10, 0]],
    stop: [[7, 10, 11, 0, "cancelled"]],
  });
  assertEquals(parseReconcileRequest(JSON.parse(JSON.stringify(request))), request);
});

Deno.test("what is wrong in a reconcile call is refused by name", () => {
  const refused = (field: string, extra: Record<string, unknown>) => {
    const input = { ...sampleRequest(1), ...extra };
    const error = assertThrows(() => parseReconcileRequest(input), IrisError);
    assertEquals([error.code, error.field], ["invalid", field]);
  };
  refused("run", { run: [[1, 2, 3]] });
  refused("run", { run: [[1, 3, 3, 0]] });
  refused("run", { run: [[1, -1, 3, 0]] });
  refused("run", { run: {} });
  refused("stop", { stop: [[1, 2, 3, 0, "because"]] });
  refused("seq", { seq: -1 });
  refused("worker", { worker: "" });
  refused("waitMs", { waitMs: Infinity });
  refused("specs.0.argv", { specs: [{ ...sampleSpec(1), argv: [1] }] });
  refused("specs.0.env", { specs: [{ ...sampleSpec(1), env: { A: 1 } }] });
  const later = { ...sampleRequest(1), extra: 1 };
  assertEquals(parseReconcileRequest(later) as unknown, later, "a later version may say more");
});

Deno.test("what is wrong in a worker's answer is refused by name", () => {
  const good = {
    worker: "w0",
    epoch: 1,
    seq: 1,
    facts: {
      upTo: 2,
      started: [[1, 0, 1, 0, 5]],
      ended: [[1, 0, 1, 0, "exit", 0, 6]],
      detail: { "1.0.0": "x" },
    },
    missing: [],
    specs: [1],
    backlog: 0,
    running: 0,
    accepting: true,
    reason: null,
  };
  assertEquals(parseReconcileResponse(good) as unknown, good);
  const refused = (field: string, extra: Record<string, unknown>) => {
    const error = assertThrows(() => parseReconcileResponse({ ...good, ...extra }), IrisError);
    assertEquals(error.field, field);
  };
  refused("facts.ended", { facts: { ...good.facts, ended: [[1, 0, 1, 0, "So tired", 0, 6]] } });
  refused("facts.started", { facts: { ...good.facts, started: [[1, 0, 1, 0, -5]] } });
  refused("facts.detail", { facts: { ...good.facts, detail: { a: 1 } } });
  refused("missing", { missing: [[1]] });
  const returned = (text: unknown) => ({ facts: { ...good.facts, returned: { "1.0.0": text } } });
  assertEquals(parseReconcileResponse({ ...good, ...returned('{"result":1}') }).worker, "w0");
  for (const text of ["{", "[]", "1", 7, `{"result":"${"x".repeat(2 ** 21)}"}`]) {
    refused("facts.returned", returned(text));
  }
  refused("specs", { specs: ["1"] });
  refused("accepting", { accepting: 1 });
});

Deno.test("a worker's registration names where it is; a later version may say more", () => {
  const good = {
    worker: "w0",
    url: "http://127.0.0.1:4000",
    token: "t",
    cpuMilli: 1,
    memoryBytes: 1,
    hostname: "h",
    version: "1",
    pid: 1,
  };
  const none = { resources: {}, attributes: {}, protocol: 1, certificate: null };
  assertEquals(parseRegisterRequest(good), { ...good, ...none }, "an earlier version has none");
  const rich = { ...good, ...none, resources: { gpu: 2_000 }, attributes: { zone: "a" } };
  assertEquals(parseRegisterRequest({ ...rich, protocol: 3, later: 1 }) as unknown, {
    ...{ ...rich, protocol: 3, later: 1 },
  });
  for (const wrong of [{ resources: { gpu: -1 } }, { attributes: { zone: 1 } }]) {
    assertThrows(() => parseRegisterRequest({ ...good, ...wrong }), IrisError);
  }
  for (const url of ["ftp://x", "http://u:p@h", "http://h/path", "nothing"]) {
    assertThrows(() => parseRegisterRequest({ ...good, url }), IrisError, "url");
  }
  assertThrows(() => parseRegisterRequest({ ...good, worker: "../x" }), IrisError, "worker");
});

Deno.test("a call for logs has limits", () => {
  const good = { generation: 1, task: null, cursor: null, maxBytes: 1, waitMs: 0 };
  assertEquals(parseLogsRequest(good), good);
  assertThrows(() => parseLogsRequest({ ...good, maxBytes: 0 }), IrisError, "maxBytes");
  assertThrows(() => parseLogsRequest({ ...good, waitMs: 1e9 }), IrisError, "waitMs");
});
