/**
 * What every runtime promises (`src/runtimes/task_runtime.ts`): its plan, started by a real keeper,
 * behaves like a command would.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { TaskRuntime, WorkerFacts } from "../../src/runtimes/task_runtime.ts";
import type { AttemptSpec, EndCause } from "../../src/wire/reconcile.ts";
import type { Run } from "../../src/wire/runs.ts";
import { parseReturned } from "../../src/wire/returned.ts";
import type { EndedFact, KeeperLink } from "../../src/worker/keeper_link.ts";
import { FactLog } from "../support/fact_log.ts";
import { KeeperWorld } from "../support/keeper_world.ts";
import { sampleSpec } from "../support/reconcile_samples.ts";
import type { Need } from "../support/require.ts";

/** What a task of the suite does. */
export type Program =
  | "exits"
  | "succeeds"
  | "dies"
  | "says"
  | "looks"
  | "reads"
  | "writes"
  | "obeys"
  | "ignores"
  | "leaves"
  | "hands"
  | "missing";

/** The programs as shell scripts, for runtimes that run commands. `TAG` is filled in. */
export const SCRIPTS: Readonly<Record<Exclude<Program, "missing">, string>> = {
  exits: "exit 7",
  succeeds: "true",
  dies: `sh -c 'kill -9 $$'; exit $?`,
  says: 'echo "$IRIS_JOB,$IRIS_TASK,$IRIS_ATTEMPT,$IRIS_REPLICAS,$IRIS_ENTRY,$FOO,' +
    '$IRIS_WORKER,$IRIS_CONTROLLER"',
  looks: "cat here.txt; echo",
  reads: "wc -c",
  writes: "echo to stdout; echo to stderr >&2",
  obeys: "trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done",
  ignores: `trap "" TERM; echo up; sleep 600.TAG`,
  leaves: `trap "" TERM; setsid sleep 600.TAG & exit 7`,
  hands: `echo '{"done":1,"total":4,"message":"on it"}' > "$IRIS_PROGRESS_FILE"; ` +
    `echo '{"n":3}' > "$IRIS_RESULT_FILE"`,
};

/** One implementation. */
export interface RuntimeUnderTest {
  readonly runtime: TaskRuntime;
  /** What its worker knows beside what all know. */
  readonly facts?: Partial<WorkerFacts>;
  /** What makes a spec run a program. */
  readonly program: (program: Program, tag: string) => Partial<AttemptSpec>;
  /** How a task counts that a signal ended. */
  readonly killed: EndCause;
  /** What the detail of a launch error says. */
  readonly refusal: RegExp;
  /** Whether what cannot be started ends as an exit with 1, after a line on stderr. */
  readonly refusesItself?: true;
  readonly need?: Need;
  /** What is left of a worker, beside processes. */
  readonly left?: (workerUid: string) => Promise<readonly string[]>;
}

/** A keeper, and a way to run one program after the other. */
class Stage {
  readonly world = new KeeperWorld();
  readonly #of: RuntimeUnderTest;
  #generation = 0;
  #link: KeeperLink | null = null;
  #log: FactLog | null = null;

  constructor(of: RuntimeUnderTest) {
    this.#of = of;
  }

  async start(program: Program, more: Partial<AttemptSpec> = {}) {
    if (this.#link === null) {
      await this.world.start();
      this.#link = await this.world.connect();
      this.#link.capacity({ cpuMilli: 1e6, memoryBytes: 1e12, maxRunning: 100 });
      this.#log = new FactLog(this.#link);
    }
    const generation = ++this.#generation;
    const spec: AttemptSpec = {
      ...sampleSpec(generation),
      ...{ job: "/u/job", argv: [], graceMs: 300 },
      ...this.#of.program(program, this.world.world.tag),
      ...more,
    };
    const path = Deno.env.get("PATH") ?? "/usr/bin:/bin";
    const facts = { worker: "w0", controllerUrl: "http://c", path, home: "/tmp" };
    this.#link.spec(this.#of.runtime.plan(spec, { ...facts, ...this.#of.facts }));
    const run: Run = [generation, 3, 4, 2];
    this.#link.start([run]);
    return {
      stop: () => this.#link!.stop([run], "cancelled", null),
      end: () => this.#log!.end(`${generation}.3.2`),
      printed: (text: string) =>
        this.#log!.until(() => this.#out(`${generation}.3.2`).includes(text), text),
    };
  }

  /** Runs a program to its end. */
  async run(program: Program, more: Partial<AttemptSpec> = {}) {
    const end = await (await this.start(program, more)).end();
    const uid = `${end.generation}.3.2`;
    return { end, out: this.#out(uid), err: this.#text(uid, "err") };
  }

  /** What lives of it, processes and whatever else. */
  async left(): Promise<readonly string[]> {
    const own = this.world.survivors().filter((line) => line.includes(`.${this.world.world.tag}`));
    const uid = `${this.world.cluster}.${this.world.worker}`;
    return [...own, ...(await this.#of.left?.(uid) ?? [])];
  }

  #out(uid: string): string {
    return this.#text(uid, "out");
  }

  #text(uid: string, stream: "out" | "err"): string {
    const started = this.#log!.started.get(uid);
    if (started === undefined) return "";
    const { slot, rotation } = started;
    const from = stream === "out" ? started.outFrom : started.errFrom;
    const end = this.#log!.ended.get(uid);
    const to = stream === "out" ? end?.outTo : end?.errTo;
    const bytes = Deno.readFileSync(`${this.world.folder}/logs/${slot}.${rotation}.${stream}`);
    return new TextDecoder().decode(bytes.subarray(from, to));
  }
}

type Test = (sentence: string, fn: (stage: Stage) => Promise<void>) => void;

/** Registers the suite for one runtime. */
export function testTaskRuntime(of: RuntimeUnderTest): void {
  const test: Test = (sentence, fn) =>
    Deno.test({
      name: `a task of the runtime ${of.runtime.kind}: ${sentence}`,
      ...of.need,
      fn: async () => {
        const stage = new Stage(of);
        await using _world = stage.world;
        await fn(stage);
        assertEquals(await stage.left(), []);
      },
    });
  endTests(test, of);
  surroundingsTests(test);
  stopTests(test);
  returnTests(test);
}

function summary({ cause, code, forced, leftovers }: EndedFact) {
  return { cause, code, forced, leftovers };
}

function endTests(test: Test, of: RuntimeUnderTest): void {
  test("its exit code is told as it is", async (stage) => {
    const seven = { cause: "exit", code: 7, forced: false, leftovers: [] } as const;
    assertEquals(summary((await stage.run("exits")).end), seven);
    assertEquals(summary((await stage.run("succeeds")).end), { ...seven, code: 0 });
  });

  test("death by a signal is told with 128 and its number", async (stage) => {
    const { end } = await stage.run("dies");
    assertEquals([end.cause, end.code, end.leftovers], [of.killed, 137, []]);
  });

  test("what cannot be started is told in one line", async (stage) => {
    const { end, err } = await stage.run("missing");
    if (of.refusesItself) {
      assertEquals([end.cause, end.code], ["exit", 1]);
      assertMatch(err, of.refusal);
      assertEquals(err.trimEnd().split("\n").length, 1, err);
    } else {
      assertEquals(end.cause, "launch_error");
      assertMatch(end.detail ?? "", of.refusal);
    }
    assertEquals((await stage.run("succeeds")).end.code, 0, "the next one runs");
  });
}

function surroundingsTests(test: Test): void {
  test("its environment names it, and holds what the job sets and its entry", async (stage) => {
    const entries = ["a", "b", "c", "an entry", "e"];
    const more = { entries, replicas: 5, env: { FOO: "two words" } };
    const { out, err } = await stage.run("says", more);
    assertEquals(out, "/u/job,/u/job/3,2,5,an entry,two words,w0,http://c\n", err);
  });

  test("a job cannot change what names it", async (stage) => {
    const env = { FOO: "x", IRIS_TASK: "forged", IRIS_WORKER: "forged", PATH: "/usr/bin:/bin" };
    const { out } = await stage.run("says", { env });
    assertEquals(out, "/u/job,/u/job/3,2,10,,x,w0,http://c\n");
  });

  test("it begins in the job's working directory", async (stage) => {
    Deno.mkdirSync(`${stage.world.world.dir}/a folder`);
    Deno.writeTextFileSync(`${stage.world.world.dir}/a folder/here.txt`, "found");
    const { out, err } = await stage.run("looks", { cwd: `${stage.world.world.dir}/a folder` });
    assertEquals(out, "found\n", err);
  });

  test("its stdin is empty", async (stage) => {
    assertMatch((await stage.run("reads")).out, /^\s*0\s*$/);
  });

  test("what it writes to both streams is apart", async (stage) => {
    const { out, err } = await stage.run("writes");
    assertEquals([out, err], ["to stdout\n", "to stderr\n"]);
  });
}

function stopTests(test: Test): void {
  test("it may obey SIGTERM with an exit code of its own", async (stage) => {
    const { printed, stop, end } = await stage.start("obeys", { graceMs: 20_000 });
    await printed("up");
    stop();
    const fact = await end();
    assertEquals([fact.cause, fact.code, fact.forced, fact.leftovers], ["cancelled", 5, false, []]);
  });

  test("one that ignores SIGTERM is killed after the grace, and nothing is left", async (stage) => {
    const { printed, stop, end } = await stage.start("ignores");
    await printed("up");
    const before = performance.now();
    stop();
    const fact = await end();
    const tookMs = performance.now() - before;
    assertEquals([fact.cause, fact.code, fact.forced, fact.leftovers], [
      "cancelled",
      137,
      true,
      [],
    ]);
    assert(tookMs >= 300, `killed after ${tookMs} ms, before its grace`);
  });

  test("what it leaves behind is ended before its end is told", async (stage) => {
    const { end } = await stage.run("leaves");
    assertEquals([end.cause, end.code, end.leftovers], ["exit", 7, []]);
    assertEquals(await stage.left(), []);
  });

  test("a time limit ends it", async (stage) => {
    const { end } = await stage.run("ignores", { timeoutMs: 1_000 });
    assertEquals([end.cause, end.forced, end.leftovers], ["timeout", true, []]);
  });
}

function returnTests(test: Test): void {
  test("what it hands back travels with its end", async (stage) => {
    const { end, err } = await stage.run("hands", { result: true });
    assertEquals([end.cause, end.code, end.detail], ["exit", 0, null], err);
    const { result, progress } = parseReturned(end.returned ?? "{}");
    assertEquals(result, { n: 3 });
    assertEquals({ ...progress, atMs: 0 }, {
      ...{ fraction: 0.25, done: 1, total: 4, message: "on it", atMs: 0 },
    });
    assertEquals([...Deno.readDirSync(`${stage.world.folder}/returns`)], [], "its folder is gone");
  });
}
