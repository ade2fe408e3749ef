/**
 * For each rule of the lint plugin, code that it must report and code that it must not. A rule
 * without a bad sample fails the tidy test: a check that cannot fail checks nothing.
 */

/** Code as if it stood in the file `path`. */
export interface Sample {
  readonly path: string;
  readonly code: string;
}

/** What one rule says of what. */
export interface RuleSamples {
  readonly bad: readonly Sample[];
  readonly good: readonly Sample[];
}

function at(path: string, ...lines: string[]): Sample {
  return { path, code: `${lines.join("\n")}\n` };
}

const LONG_BODY = Array.from({ length: 70 }, (_, line) => `  f(${line});`);
const MANY_LINES = Array.from({ length: 501 }, (_, line) => `f(${line});`);

const IMPORTS: Record<string, RuleSamples> = {
  "import-rank": {
    bad: [
      at("src/base/x.ts", 'import { own } from "../lifecycle/owner.ts";'),
      at("src/worker/x.ts", 'import type { Core } from "../controller/core.ts";'),
      at("src/model/x.ts", 'export { own } from "../lifecycle/owner.ts";'),
      at("src/worker/x.ts", 'export * from "../http/app.ts";'),
      at("src/worker/x.ts", 'type Q = import("../http/app.ts").App;'),
      at("src/worker/x.ts", 'await import("../http/app.ts");'),
      at("src/worker/x.ts", 'import { sleep } from "../std/async/mod.ts";'),
      at("src/worker/x.ts", 'import { fake } from "../../tests/fakes/fake_clock.ts";'),
      at("src/worker/x.ts", 'import { y } from "../nowhere/y.ts";'),
      at("src/client/x.ts", 'import { Deadline } from "../lifecycle/deadline.ts";'),
    ],
    good: [
      at("src/worker/x.ts", 'import { y } from "./y.ts";', 'import { z } from "../base/z.ts";'),
      at("src/cli/modes/x.ts", 'import { app } from "../../http/app.ts";'),
      at("src/client/x.ts", 'import type { StopReport } from "../lifecycle/part.ts";'),
      at("src/cli/x.ts", 'import config from "../../deno.json" with { type: "json" };'),
      at("tests/base/x_test.ts", 'import { app } from "../../src/http/app.ts";'),
      at("src/worker/x.ts", 'import { delay } from "@std/async";'),
    ],
  },
  "import-concrete": {
    bad: [
      at("src/worker/x.ts", 'import { run } from "../runtimes/process/process_runtime.ts";'),
      at("src/vm/x.ts", 'import { LocalProvider } from "./local/local_provider.ts";'),
      at("src/vm/ssh/x.ts", 'import { LocalProvider } from "../local/local_provider.ts";'),
    ],
    good: [
      at("src/cli/x.ts", 'import { LocalProvider } from "../vm/local/local_provider.ts";'),
      at("src/vm/local/x.ts", 'import { y } from "./y.ts";', 'import { m } from "../m.ts";'),
      at("src/worker/x.ts", 'import type { TaskRuntime } from "../runtimes/task_runtime.ts";'),
    ],
  },
  "import-source": {
    bad: [
      at("src/http/x.ts", 'import { Hono } from "npm:hono@4";'),
      at("tests/http/x_test.ts", 'import { assert } from "jsr:@std/assert";'),
      at("scripts/x.ts", 'import { y } from "https://example.org/y.ts";'),
    ],
    good: [at("src/http/x.ts", 'import { Hono } from "hono";')],
  },
};

const POWERS: Record<string, RuleSamples> = {
  "home-of-power": {
    bad: [
      at("src/worker/x.ts", 'new Deno.Command("true");'),
      at("src/worker/x.ts", 'Deno.dlopen("libc.so.6", {});'),
      at("src/controller/x.ts", 'import { DatabaseSync } from "node:sqlite";'),
      at("src/worker/x.ts", 'import { html } from "hono/html";'),
      at("src/worker/x.ts", 'import { Hono, type Context } from "hono";'),
      at("src/cli/x.ts", "new Worker(url);"),
      at("src/worker/x.ts", "globalThis.Deno.exit(1);"),
      at("src/worker/x.ts", 'Deno["exit"](1);'),
      at("src/worker/x.ts", "const { exit } = Deno;"),
      at("src/worker/x.ts", 'Deno.addSignalListener("SIGTERM", f);'),
      at("src/vm/x.ts", "Deno.serve(f);"),
      at("src/worker/x.ts", "const now = Date.now;"),
      at("src/worker/x.ts", "f(new Date());"),
      at("src/worker/x.ts", "performance.now();"),
      at("src/worker/x.ts", "Math.random();"),
      at("src/worker/x.ts", "crypto.getRandomValues(a);"),
      at("src/worker/x.ts", "setTimeout(f, 1);"),
      at("src/worker/x.ts", "self.setInterval(f, 1);"),
      at("src/worker/x.ts", "AbortSignal.timeout(1);"),
      at("src/worker/x.ts", 'Deno.env.get("HOME");'),
      at("src/worker/x.ts", 'console.log("x");'),
      at("src/worker/x.ts", 'Deno.kill(1, "SIGKILL");'),
    ],
    good: [
      at("src/host/x.ts", 'new Deno.Command("true");'),
      at("src/store/x.ts", 'import { DatabaseSync } from "node:sqlite";'),
      at("src/http/routes/x.ts", 'import { Hono } from "hono";'),
      at("src/worker/x.ts", 'import type { Context } from "hono";'),
      at("src/lifecycle/x.ts", "new Worker(url);"),
      at("src/base/x.ts", "Date.now();"),
      at("src/worker/x.ts", "new Date(atMs).toISOString();", "clock.setTimer(1, f);"),
      at("src/worker/x.ts", "type C = Deno.Command;"),
      at("tests/worker/x_test.ts", "Date.now();"),
      at("src/std/async/delay.ts", "setTimeout(f, 1);"),
    ],
  },
  "pure": {
    bad: [
      at("src/model/x.ts", "async function f() {}"),
      at("src/model/x.ts", "const f = async () => {};"),
      at("src/scheduler/x.ts", "function f(): Promise<void> { return g(); }"),
      at("src/scheduler/x.ts", "Promise.resolve();"),
      at("src/scheduler/x.ts", "new Promise(f);"),
      at("src/autoscaler/decide.ts", 'Deno.readTextFileSync("x");'),
      at("src/controller/reactor.ts", 'fetch("http://127.0.0.1");'),
      at("src/controller/reactor_jobs.ts", "queueMicrotask(f);"),
      at("src/model/x.ts", 'import { systemClock } from "../base/clock.ts";'),
      at("src/model/x.ts", 'import { hostname } from "node:os";'),
      at("src/model/x.ts", "for await (const x of y) f(x);"),
      at("src/cli/x.ts", "/** From flags to a request. Pure. */", "const f = async () => {};"),
      at("src/controller/x.ts", "/**", " * Ends. A part of the", " * reactor.", " */", "fetch(u);"),
    ],
    good: [
      at("src/model/x.ts", 'import type { Clock } from "../base/clock.ts";', "function f() {}"),
      at("src/scheduler/x.ts", 'import { invariant } from "../base/assert.ts";'),
      at("src/controller/core.ts", "async function f() { await g(); }"),
      at("src/worker/x.ts", "/** Calls what is pure. */", "async function f() { await g(); }"),
      at("src/worker/decided.ts", "async function f() { await g(); }"),
    ],
  },
};

const SHAPE: Record<string, RuleSamples> = {
  "no-default-export": {
    bad: [at("src/base/x.ts", "export default 1;")],
    good: [
      at("src/base/x.ts", "export const x = 1;"),
      at("scripts/lint/plugin.ts", "export default p;"),
    ],
  },
  "no-enum": {
    bad: [
      at("src/base/x.ts", "export enum State { Up }"),
      at("tests/x_test.ts", "const enum E {}"),
    ],
    good: [at("src/base/x.ts", 'export type State = "up" | "down";')],
  },
  "no-namespace": {
    bad: [at("src/base/x.ts", "namespace Inner { export const x = 1; }")],
    good: [at("src/base/x.ts", "declare global { interface Window { x: 1 } }")],
  },
  "private-by-hash": {
    bad: [
      at("src/base/x.ts", "class A { private x = 1; }"),
      at("src/base/x.ts", "class A { protected f() {} }"),
      at("src/base/x.ts", "class A { constructor(private readonly x: number) {} }"),
    ],
    good: [at("src/base/x.ts", "class A { #x = 1; private constructor() {} }")],
  },
  "max-params": {
    bad: [
      at("src/base/x.ts", "export function f(a: A, b: B, c: C, d: D) {}"),
      at("src/base/x.ts", "export function f(a: string, b: string | null, c = false, d = 1) {}"),
      at("src/base/x.ts", "export function f(a: string, b: string, c: boolean) {}"),
      at("src/base/x.ts", "export class A { f(a: A, b: B, c: C, d: D) {} }"),
      at("src/base/x.ts", "export class A { constructor(a: A, b: B, c: C, d: D) {} }"),
    ],
    good: [
      at("src/base/x.ts", "export function f(a: string, b: string, options: Options = {}) {}"),
      at("src/base/x.ts", "export function f(generation: number, index: number, n: number) {}"),
      at("src/base/x.ts", "function inner(a: A, b: B, c: C, d: D) {}"),
      at("src/base/x.ts", "export class A { #f(a: A, b: B, c: C, d: D) {} }"),
    ],
  },
  "max-function-lines": {
    bad: [
      at("src/base/x.ts", "function f() {", ...LONG_BODY, "}"),
      at("tests/support/x.ts", "const f = () => {", ...LONG_BODY, "};"),
      at("src/base/x.ts", "class A { f() {", ...LONG_BODY, "} }"),
    ],
    good: [
      at("src/base/x.ts", "function f() {", ...LONG_BODY.slice(2), "}"),
      at("tests/base/x_test.ts", "const f = () => {", ...LONG_BODY, "};"),
      at("src/std/cli/parse_args.ts", "function f() {", ...LONG_BODY, "}"),
    ],
  },
  "max-file-lines": {
    bad: [
      at("src/base/x.ts", ...MANY_LINES),
      at("tests/base/x_test.ts", ...MANY_LINES, ...MANY_LINES),
    ],
    good: [at("src/base/x.ts", ...MANY_LINES.slice(1)), at("tests/base/x_test.ts", ...MANY_LINES)],
  },
  "file-comment": {
    bad: [
      at("src/base/x.ts", "export const x = 1;"),
      at("src/isolates/x.ts", '/// <reference lib="deno.worker" />', "run();"),
      at("tests/fakes/x.ts", 'import { y } from "./y.ts";', "/** Late. */", "f(y);"),
      at("scripts/x.ts", "// deno-lint-ignore-file no-console -- prints", "run();"),
    ],
    good: [
      at("src/base/x.ts", "/** What it owns. */", "export const x = 1;"),
      at("src/isolates/x.ts", '/// <reference lib="deno.worker" />', "/** Core. */", "run();"),
      at("src/base/x.ts", "// What it owns.", "export const x = 1;"),
      at("tests/base/x_test.ts", 'Deno.test("a b c", () => {});'),
    ],
  },
  "exported-jsdoc": {
    bad: [
      at("src/base/x.ts", "/** The file. */", 'import { y } from "./y.ts";', "export const x = y;"),
      at("src/base/x.ts", "// Not JSDoc.", "export function f() {}"),
      at("src/base/x.ts", "/** A. */", "export const A = 1;", "", "export const B = 2;"),
      at("src/base/x.ts", "/* Not JSDoc. */", "export interface A { x: 1 }"),
    ],
    good: [
      at("src/base/x.ts", "/** Adds. */", "export function f() {}"),
      at("src/base/x.ts", "/** Names. */", "export const A = 1;", "export const B = 2;"),
      at("src/base/x.ts", 'export { y } from "./y.ts";'),
      at(
        "src/base/x.ts",
        "/** Both. */",
        "export function f(a: 1): 1;",
        "export function f(a: 2): 2;",
        "export function f(a: number): number { return a; }",
      ),
    ],
  },
};

const WAITS: Record<string, RuleSamples> = {
  "owned-promise": {
    bad: [
      at("src/worker/x.ts", "void run();"),
      at("src/worker/x.ts", "void this.#run();"),
      at("src/worker/x.ts", "const f = () => void run();"),
      at("src/worker/x.ts", "function f() { return void run(); }"),
      at("src/worker/x.ts", "run().catch(report);"),
      at("src/worker/x.ts", "run().then(use);"),
      at("src/worker/x.ts", "// Starts it.", "void run();"),
      at("src/worker/x.ts", "// owner: too far away", "", "void run();"),
    ],
    good: [
      at("src/worker/x.ts", "await run();"),
      at("src/worker/x.ts", "// owner: the loop's run, which awaits it", "void run();"),
      at("src/worker/x.ts", "run().then(resolve, reject);"),
      at("src/worker/x.ts", "const f = () => void set.delete(1);"),
      at("src/lifecycle/x.ts", "void this.#supervise();"),
    ],
  },
  "fetch-deadline": {
    bad: [
      at("src/client/x.ts", "await fetch(url);"),
      at("src/client/x.ts", 'await fetch(url, { method: "POST" });'),
    ],
    good: [
      at("src/client/x.ts", "await fetch(url, { signal });"),
      at("src/client/x.ts", "await fetch(url, options);"),
      at("src/client/x.ts", "const fetch = make();", "await fetch(request);"),
    ],
  },
};

const TESTS: Record<string, RuleSamples> = {
  "test-name": {
    bad: [
      at("tests/x_test.ts", 'Deno.test("delay", () => {});'),
      at("tests/x_test.ts", 'Deno.test({ name: "two words", fn() {} });'),
      at("tests/x_test.ts", "Deno.test(function delay() {});"),
    ],
    good: [
      at("tests/x_test.ts", 'Deno.test("a delay ends early", () => {});'),
      at("tests/x_test.ts", "Deno.test(`${name} ends early`, () => {});"),
      at("tests/x_test.ts", "Deno.test({ name, fn() {} });"),
      at("tests/support/canaries/x.ts", 'Deno.test("thread", () => {});'),
    ],
  },
  "no-only": {
    bad: [
      at("tests/x_test.ts", 'Deno.test.only("it ends early", () => {});'),
      at("tests/x_test.ts", 'Deno.test({ name: "it ends early", only: true, fn() {} });'),
    ],
    good: [at("tests/x_test.ts", 'Deno.test("it ends early", () => {});')],
  },
  "ignore-reason": {
    bad: [
      at("tests/x_test.ts", 'Deno.test.ignore("it ends early", () => {});'),
      at("tests/x_test.ts", 'Deno.test({ name: "it ends early", ignore: true, fn() {} });'),
      at("tests/x_test.ts", 'Deno.test("it ends early", { ignore: true }, () => {});'),
    ],
    good: [
      at("tests/x_test.ts", 'Deno.test("it ends early", await needs("gcc", probe), () => {});'),
      at(
        "tests/x_test.ts",
        "// Until cgroup v2 hosts are in the pool.",
        'Deno.test.ignore("it ends early", () => {});',
      ),
    ],
  },
  "sanitizer-reason": {
    bad: [
      at("tests/x_test.ts", 'Deno.test({ name: "it ends early", sanitizeOps: false, fn() {} });'),
    ],
    good: [
      at(
        "tests/x_test.ts",
        "Deno.test({",
        '  name: "it ends early",',
        "  // The leaked thread keeps its port on purpose.",
        "  sanitizeResources: false,",
        "  fn() {},",
        "});",
      ),
    ],
  },
};

/** Samples by the name of the rule. */
export const RULE_SAMPLES: Readonly<Record<string, RuleSamples>> = {
  ...IMPORTS,
  ...POWERS,
  ...SHAPE,
  ...WAITS,
  ...TESTS,
};
