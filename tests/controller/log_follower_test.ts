import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { followLogs, type LogFollowerOptions } from "../../src/controller/log_follower.ts";
import type { LogChunk, LogMark } from "../../src/wire/api.ts";
import { parseJobCursor } from "../../src/wire/log_chunks.ts";
import type { LogsRequest, LogsResponse } from "../../src/wire/logs.ts";

/** Workers with some output each; a cursor is a place in it. Answers hold at most three chunks. */
class FakeWorkers {
  readonly asked: { name: string; request: LogsRequest }[] = [];
  readonly #logs: Readonly<Record<string, LogChunk[]>>;

  constructor(logs: Readonly<Record<string, LogChunk[]>>) {
    this.#logs = logs;
  }

  options(more: Partial<LogFollowerOptions> = {}): LogFollowerOptions {
    return {
      ...{ generation: 1, task: null, cursor: null, follow: false, clock: systemClock },
      sources: () => Object.keys(this.#logs).map((name) => ({ name, url: name, token: "t" })),
      done: () => true,
      changed: () => Promise.resolve(),
      signal: new AbortController().signal,
      post: ({ url }, body) => {
        const request = body as LogsRequest;
        this.asked.push({ name: url, request });
        const at = Number(request.cursor ?? 0);
        const chunks = this.#logs[url]!.slice(at, at + 3);
        const cursor = String(at + chunks.length);
        return Promise.resolve({ chunks, cursor, complete: true } satisfies LogsResponse);
      },
      ...more,
    };
  }
}

/** Chunk `n` of a task: one byte. */
function chunk(task: number, n: number, atMs: number): LogChunk {
  return { task, attempt: 0, stream: "stdout", offset: n, data: btoa(String(n % 10)), atMs };
}

function twoWorkers(): FakeWorkers {
  return new FakeWorkers({
    w0: Array.from({ length: 20 }, (_, n) => chunk(0, n, n * 10)),
    w1: Array.from({ length: 20 }, (_, n) => chunk(1, n, 45 + n * 7)),
  });
}

Deno.test("what several workers have comes in the order of time, and its end is said", async () => {
  const all = await Array.fromAsync(followLogs(twoWorkers().options()));
  const last = all.pop() as LogMark;
  assertEquals(last.done, true);
  const times = all.map((one) => (one as LogChunk).atMs!);
  assertEquals(times.length, 40);
  assertEquals(times, [...times].sort((a, b) => a - b));
});

Deno.test("from any mark on there is what came after it, and nothing else", async () => {
  const whole = (await Array.fromAsync(followLogs(twoWorkers().options()))).slice(0, -1);
  const key = (one: LogChunk | LogMark) => {
    assert("task" in one);
    return `${one.task}.${one.offset}`;
  };
  for (let take = 1; take < whole.length; take += 3) {
    // Time jumps at each look, so that every chunk is followed by a mark.
    let nowMs = 0;
    const clock = { ...systemClock, now: () => nowMs += 2_000 };
    const seen: string[] = [];
    let mark: LogMark | null = null;
    for await (const one of followLogs(twoWorkers().options({ clock }))) {
      if ("task" in one) seen.push(key(one));
      else mark = one;
      if (seen.length === take && mark !== null && !("task" in one)) break;
    }
    const cursor = parseJobCursor(mark!.cursor);
    const rest = await Array.fromAsync(followLogs(twoWorkers().options({ cursor })));
    assertEquals([...seen, ...rest.slice(0, -1).map(key)].sort(), whole.map(key).sort());
    assertEquals(rest.length - 1, whole.length - take, `nothing twice after ${take}`);
  }
});

Deno.test("what a caller does not ask for is not sent: earlier workers know no such field", async () => {
  const workers = twoWorkers();
  await Array.fromAsync(followLogs(workers.options()));
  assertEquals(Object.keys(workers.asked[0]!.request).sort(), [
    ...["cursor", "generation", "maxBytes", "task", "waitMs"],
  ]);
  await Array.fromAsync(followLogs(workers.options({ tail: 3, sinceMs: 4, stream: "stderr" })));
  const { tail, sinceMs, stream } = workers.asked.at(-1)!.request;
  assertEquals([tail, sinceMs, stream], [3, 4, "stderr"]);
});

Deno.test("a reader that stalls holds one answer of each worker, however much there is", async () => {
  const endless: LogChunk[] = [];
  const workers = new FakeWorkers({});
  let asked = 0;
  const options = workers.options({
    follow: true,
    done: () => false,
    changed: (signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
    sources: () => ["w0", "w1"].map((name) => ({ name, url: name, token: "t" })),
    post: ({ url }, body) => {
      asked++;
      const at = Number((body as LogsRequest).cursor ?? 0);
      const chunks = [0, 1].map((n) => chunk(url === "w0" ? 0 : 1, at + n, 0));
      return Promise.resolve({ chunks, cursor: String(at + 2), complete: false });
    },
  });
  const reading = followLogs(options);
  for (let n = 0; n < 10; n++) endless.push((await reading.next()).value as LogChunk);
  const before = asked;
  // Everything that could go on without the reader has its chance to.
  for (let n = 0; n < 1_000; n++) await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(asked - before <= 2, `${asked - before} calls for a reader that does not read`);
  assert(asked <= 8, `${asked} calls for 10 chunks`);
  await reading.return(undefined);
});

Deno.test("a reader that stalls long holds nothing, and goes on without loss or repetition", async () => {
  const workers = twoWorkers();
  const timers = new Set<() => void>();
  const clock = {
    ...systemClock,
    setTimer(ms: number, fn: () => void) {
      // Only the watch over the reader is set for a second.
      if (ms !== 1_000) return systemClock.setTimer(ms, fn);
      timers.add(fn);
      return { cancel: () => timers.delete(fn) };
    },
  };
  const key = (one: LogChunk | LogMark | undefined) => {
    assert(one !== undefined && "task" in one);
    return `${one.task}.${one.offset}`;
  };
  const whole = (await Array.fromAsync(followLogs(twoWorkers().options()))).slice(0, -1).map(key);
  const fire = () => {
    for (const fn of [...timers]) {
      timers.delete(fn);
      fn();
    }
  };
  const seen: string[] = [];
  const reading = followLogs(workers.options({ clock }));
  for (;;) {
    const { value } = await reading.next();
    if (value === undefined || "cursor" in value) break;
    seen.push(key(value));
    // It takes nothing for two looks.
    fire();
    fire();
    for (let n = 0; n < 100; n++) await Promise.resolve();
  }
  await reading.return(undefined);
  assertEquals([...seen].sort(), [...whole].sort());
  assertEquals(timers.size, 0, "no watch is left");
});

Deno.test("one who wants no earlier lines loses none when the job ends while he waits", async () => {
  const log: LogChunk[] = [chunk(0, 0, 1)];
  let isDone = false;
  const end = Promise.withResolvers<void>();
  const placed = Promise.withResolvers<void>();
  const workers = new FakeWorkers({ w0: log });
  const post: LogFollowerOptions["post"] = async (_to, body, signal) => {
    const { cursor, waitMs, tail } = body as LogsRequest;
    // As a worker does: without a cursor the last lines are those of the moment.
    const at = cursor === null ? log.length - tail! : Number(cursor);
    if (waitMs > 0 && at === log.length) {
      placed.resolve();
      await new Promise<void>((resolve) => signal!.addEventListener("abort", () => resolve()));
      throw new Error("cut short");
    }
    return { chunks: log.slice(at), cursor: String(log.length), complete: isDone };
  };
  const options = workers.options({
    ...{ follow: true, tail: 0, post },
    done: () => isDone,
    changed: () => end.promise,
  });
  const all = Array.fromAsync(followLogs(options));
  await placed.promise;
  log.push(chunk(0, 1, 2));
  isDone = true;
  end.resolve();
  assertEquals((await all).map((one) => "task" in one ? one.offset : "end"), [1, "end"]);
});
