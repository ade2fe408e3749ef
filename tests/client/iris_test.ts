/** The client against a real local cluster: run, map, results, logs, events, stops. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  ApiError,
  ConnectionError,
  Iris,
  IrisError,
  JobError,
  type JobRequest,
  TaskError,
} from "../../src/client/mod.ts";
import { withIris } from "../support/client_world.ts";

const shell = (script: string, more: JobRequest = {}): JobRequest => ({
  ...{ argv: ["sh", "-c", script], cpuMilli: 10 },
  ...more,
});

Deno.test("a job is submitted, waited for, and its output read line by line", () =>
  withIris(async ({ iris }) => {
    const told: string[] = [];
    const job = await iris.run(
      shell("echo one; printf 'two \\342\\202\\254' >&2", { name: "hello", replicas: 2 }),
      { onLine: ({ task, stream, text }) => told.push(`${task} ${stream} ${text}`) },
    );
    assertEquals(job.view.state, "SUCCEEDED");
    assertEquals(told.sort(), [
      ...["0 stderr two €", "0 stdout one", "1 stderr two €", "1 stdout one"],
    ]);
    const lines = await job.lines({ task: 1, stream: "stdout" }).toArray();
    assertEquals(lines.map(({ text }) => text), ["one"]);
    const [piece] = await job.logs({ task: 0, stream: "stderr" }).toArray();
    assertEquals(new TextDecoder().decode(piece!.bytes), "two €");
    const kinds = (await job.events().toArray()).map(({ kind }) => kind);
    assertEquals([kinds[0], kinds.at(-1)], ["job_submitted", "job_done"]);
    const tasks = await job.tasks().toArray();
    assertEquals(tasks.map(({ index, state }) => `${index} ${state}`), [
      ...["0 SUCCEEDED", "1 SUCCEEDED"],
    ]);
    assertEquals((await iris.jobs({ limit: 1 }))[0]!.name, job.name);
    assertEquals((await (await iris.job(job.name)).get()).generation, job.generation);
  }));

Deno.test("results come in order as they end, and a failure is told of the task that failed", () =>
  withIris(async ({ iris }) => {
    const script = 'echo "$IRIS_TASK_INDEX" >"$IRIS_RESULT_FILE"';
    const good = await iris.submit(shell(script, { replicas: 3, result: true }));
    assertEquals(await good.results<number>().toArray(), [0, 1, 2]);
    assertEquals(await good.result(1), 1);
    const none = await assertRejects(() => good.result(7), IrisError);
    assertEquals([none.code, none.field], ["not_found", "index"]);

    // The first task waits until it is cancelled; the second is what went wrong.
    const bad = await iris.submit(
      shell('test "$IRIS_TASK_INDEX" = 0 && exec sleep 600; exit 7', { replicas: 2 }),
    );
    const error = await assertRejects(() => bad.results().toArray(), TaskError);
    assertEquals([error.code, error.task.index, error.end?.cause], ["task_failed", 1, "exit"]);
    assert(error.end?.cause === "exit" && error.end.code === 7);
    const failed = await assertRejects(() => bad.success(), JobError);
    assertEquals([failed.code, failed.job.state], ["job_failed", "FAILED"]);
    const ends = await bad.ends().toArray();
    assertEquals(ends.map(({ end }) => end?.cause), ["cancelled", "exit"]);
    const killed = await iris.submit(shell("kill -SEGV $$"));
    const [end] = await killed.ends().toArray();
    assert(end?.end?.cause === "signal" && end.end.signal === "SIGSEGV");
    const stuck = iris.run(shell("sleep 600", { timeoutMs: 100, graceMs: 0 }));
    assertEquals((await assertRejects(() => stuck, JobError)).job.state, "FAILED");
  }));

Deno.test("a function is mapped over any number of inputs, in jobs of a bounded size", () =>
  withIris(async ({ iris, world }) => {
    const file = `${world.dir}/square.ts`;
    Deno.writeTextFileSync(
      file,
      `export const main = ({ n }: { n: number }) => {
        if (n < 0) throw new Error("no root");
        return n * n;
      };`,
    );
    let taken = 0;
    function* numbers() {
      for (let n = 1; n <= 7; n++) {
        taken++;
        yield { n };
      }
    }
    const options = { module: { file: new URL(`file://${file}`) }, cpuMilli: 10, batch: 2 };
    const squares: number[] = [];
    for await (const square of iris.map<number>(numbers(), { ...options, name: "squares" })) {
      squares.push(square);
      if (squares.length === 1) assert(taken < 7, `${taken} of 7 were taken at once`);
    }
    assertEquals(squares, [1, 4, 9, 16, 25, 36, 49]);
    const names = (await iris.jobs()).map(({ name }) => name.split("/").at(-1));
    assertEquals(names.sort(), ["squares", "squares-2", "squares-3", "squares-4"]);

    const inputs = [{ n: 2 }, { n: -1 }, { n: 3 }];
    const ends = await iris.mapEnds(inputs, options).toArray();
    assertEquals(ends.map(({ input, result, state }) => [input.n, result, state]), [
      [2, 4, "SUCCEEDED"],
      [-1, null, "FAILED"],
      [3, 9, "SUCCEEDED"],
    ]);
    const error = await assertRejects(() => iris.map(inputs, options).toArray(), TaskError);
    assertEquals(error.task.index, 1);
    const shouts = iris.map<string>(["a b", "c"], {
      argv: ["sh", "-c", `printf '"%s!"' "$IRIS_ENTRY" >"$IRIS_RESULT_FILE"`],
      cpuMilli: 10,
    });
    assertEquals(await shouts.toArray(), ["a b!", "c!"]);
  }));

Deno.test("whoever breaks a map off leaves nothing running", () =>
  withIris(async ({ iris, world }) => {
    const argv = ["sh", "-c", `test "$IRIS_ENTRY" = 0 || exec sleep 600.${world.tag}`];
    for await (const _ of iris.map([0, 1, 2, 3], { argv, cpuMilli: 10, batch: 2 })) break;
    const states = (await iris.jobs()).map(({ state, done }) => `${state} ${done}`);
    assertEquals(states, ["KILLED true", "KILLED true"]);
    assertEquals(sleepers(world.survivors()), []);

    const abort = new AbortController();
    const map = iris.map([1], { argv, cpuMilli: 10, signal: abort.signal }).toArray();
    const [started] = await firstOf(iris, "PENDING", "RUNNING");
    assert(started !== undefined);
    abort.abort(new Error("enough"));
    await assertRejects(() => map, Error, "enough");
    assertEquals((await iris.jobs({ limit: 1 }))[0]!.done, true);
    assertEquals(sleepers(world.survivors()), []);
    assertRejectsUsage(await problemOf(() => iris.map([1], {}).toArray()), "module");
    assertRejectsUsage(await problemOf(() => iris.map([() => {}], { argv }).toArray()), "inputs.0");
  }));

Deno.test("a signal stops the job it was given for, and without that only the waiting", () =>
  withIris(async ({ iris, world }) => {
    const long = shell(`exec sleep 600.${world.tag}`);
    const abort = new AbortController();
    const running = iris.run(long, { signal: abort.signal });
    const [job] = await firstOf(iris, "RUNNING");
    abort.abort();
    const error = await assertRejects(() => running, DOMException);
    assertEquals(error.name, "AbortError");
    assertEquals((await iris.job(job!.name)).view.done, true, "it is gone by then");
    assertEquals(sleepers(world.survivors()), []);

    const other = await iris.submit(long);
    await assertRejects(() => other.wait({ signal: AbortSignal.timeout(50) }), DOMException);
    assertEquals((await other.get()).done, false);
    const stopped = await other.stop();
    assertEquals([stopped.state, stopped.done], ["KILLED", true]);
    assertEquals((await other.stop()).state, "KILLED", "a second stop does no harm");
  }));

Deno.test("a handle means its job and no later one of that name", () =>
  withIris(async ({ iris, world }) => {
    const first = await iris.submit(shell(`exec sleep 600.${world.tag}`, { name: "same" }));
    const waiting = first.wait();
    const second = await iris.submit(
      shell("exec sleep 600", { name: "same", ifExists: "replace" }),
    );
    assertEquals((await waiting).state, "KILLED");
    const gone = await assertRejects(() => first.stop(), ApiError);
    assertEquals([gone.code, gone.field], ["gone", "generation"]);
    assertEquals([(await first.get()).state, (await first.wait()).done], ["KILLED", true]);
    assertEquals((await second.get()).done, false);
    await second.stop();
    const key = "one-submit";
    const one = await iris.submit(shell("true", { name: "keyed" }), { key });
    const again = await iris.submit(shell("true", { name: "keyed" }), { key });
    assertEquals(again.generation, one.generation);
    const wrong = await assertRejects(() => iris.submit({ argv: ["x"], replicas: 0 }), ApiError);
    assertEquals([wrong.code, wrong.field], ["invalid", "replicas"]);
  }));

Deno.test("a token of a user says whose jobs short names mean, and opens no others", () =>
  withIris(async ({ iris, connect }) => {
    const { token } = await iris.api.tokens.create({ user: "bob", role: "user" });
    const bob = await connect({ token, user: "ada" });
    assertEquals(bob.user, "bob");
    const job = await bob.run(shell("true", { name: "mine" }));
    assertEquals([job.name, (await bob.job("mine")).generation], ["/bob/mine", job.generation]);
    const one = bob.map<number>([1], { argv: ["sh", "-c", 'echo 1 >"$IRIS_RESULT_FILE"'] });
    assertEquals(await one.toArray(), [1]);
    await iris.run(shell("true", { name: "hers" }));
    const error = await assertRejects(() => bob.job("/ada/hers"), ApiError);
    assertEquals(error.code, "forbidden");
  }));

Deno.test("a task knows who it is, says how far it is, and what it may not do is an error", () =>
  withIris(async ({ iris, world }) => {
    const file = `${world.dir}/task.ts`;
    Deno.writeTextFileSync(
      file,
      `import { Iris } from "iris/client";
      const problem = (call: () => unknown) => {
        try {
          return call();
        } catch (error) {
          return [error.code ?? error.name, error.field ?? null];
        }
      };
      export async function main(): Promise<unknown> {
        const me = Iris.current();
        me.progress({ done: 1, total: 4 });
        using own = await Iris.connect();
        const part = await own.run({ name: me.job + "/part", argv: ["true"], cpuMilli: 10 });
        const other = await own.jobs().catch((error) => error.code);
        return [me.task, me.attempt, part.view.state, other, problem(() => me.port("web")),
          problem(() => me.input()), problem(() => me.progress(-1)), problem(() => me.result(main))];
      }`,
    );
    const module = { file, export: "main" };
    const job = await iris.run({ name: "self", module, cpuMilli: 10 });
    assertEquals(await job.result(0), [
      ...["/ada/self/0", 0, "SUCCEEDED", "forbidden", ["conflict", "ports"]],
      ...[["conflict", null], ["TypeError", null], ["TypeError", null]],
    ]);
    assertEquals((await job.task(0)).progress?.fraction, 0.25);
    const plain = await iris.run(shell('test -z "$IRIS_RESULT_FILE"'));
    assertEquals(await plain.result(0), null);
  }));

Deno.test("what is under way ends when the connection is closed, and jobs go on", () =>
  withIris(async ({ iris, connect, world }) => {
    const other = await connect();
    const job = await other.submit(shell(`echo up; exec sleep 600.${world.tag}`));
    const closed: unknown[] = [];
    const heard: string[] = [];
    const fail = (work: Promise<unknown>) => work.catch((error) => closed.push(error.code));
    const all = Promise.all([
      fail(job.wait()),
      fail(job.events().toArray()),
      fail((async () => {
        for await (const { text } of job.lines({ follow: true })) {
          heard.push(text);
          other.close();
        }
      })()),
    ]);
    await all;
    assertEquals([heard, closed], [["up"], ["closing", "closing", "closing"]]);
    const error = await assertRejects(() => other.jobs(), ConnectionError);
    assertStringIncludes(error.message, "was closed");
    assertEquals((await (await iris.job(job.name)).get()).done, false);
  }));

Deno.test("what keeps a connection from being made is one error that names the field", () =>
  withIris(async ({ iris, world, url, token }) => {
    const problem = async (options: Parameters<typeof Iris.connect>[0]) => {
      const error = await assertRejects(() => Iris.connect(options), IrisError);
      return [error.name, error.code, error.field];
    };
    assertEquals(await problem({ controller: "10.0.0.1", token }), [
      ...["IrisError", "usage", "controller"],
    ]);
    assertEquals(await problem({ controller: url, token: "a b" }), ["IrisError", "usage", "token"]);
    assertEquals(await problem({ controller: url, tokenFile: `${world.dir}/none` }), [
      ...["IrisError", "usage", "tokenFile"],
    ]);
    assertEquals(await problem({ controller: url, token: "f".repeat(64) }), [
      ...["ApiError", "unauthorized", undefined],
    ]);
    const nobody = { controller: "http://127.0.0.1:1", token, giveUpMs: 0 };
    assertEquals(await problem(nobody), ["ConnectionError", "unavailable", undefined]);
    const abort = AbortSignal.abort(new Error("never mind"));
    await assertRejects(
      () => Iris.connect({ controller: url, token, signal: abort }),
      Error,
      "mind",
    );
    const outside = (() => {
      try {
        return Iris.current();
      } catch (error) {
        return error;
      }
    })();
    assertEquals((outside as IrisError).code, "usage");
    assertEquals(iris.version, await iris.api.version());
    assertEquals(iris.user, "ada");
  }));

async function firstOf(iris: Iris, ...states: string[]) {
  for await (const event of iris.events({ after: "oldest" })) {
    if (event.kind !== "job_state" && event.kind !== "job_submitted") continue;
    const jobs = await iris.jobs();
    const found = jobs.filter(({ state }) => states.includes(state));
    if (found.length > 0) return found;
  }
  return [];
}

function sleepers(survivors: string[]): string[] {
  return survivors.filter((line) => line.includes("sleep 600"));
}

async function problemOf(call: () => Promise<unknown>): Promise<IrisError> {
  return await assertRejects(call, IrisError);
}

function assertRejectsUsage(error: IrisError, field: string): void {
  assertEquals(error.field, field, error.message);
}
