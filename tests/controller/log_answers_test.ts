import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogAnswers } from "../../src/controller/log_answers.ts";
import type { LogsRequest, LogsResponse } from "../../src/wire/logs.ts";

const SOURCE = { url: "http://w0", token: "t" };

function request(more: Partial<LogsRequest> = {}): LogsRequest {
  return { generation: 1, task: null, cursor: null, maxBytes: 1_000, waitMs: 1_000, ...more };
}

function setup(bytes: number) {
  const calls: { signal: AbortSignal; answer: () => void }[] = [];
  const data = new Uint8Array(bytes).toBase64();
  const chunk = { task: 0, attempt: 0, stream: "stdout", offset: 0, data } as const;
  const post = (_to: unknown, body: unknown, signal: AbortSignal) =>
    new Promise<unknown>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      const { cursor } = body as LogsRequest;
      const chunks = bytes === 0 ? [] : [chunk];
      const answer: LogsResponse = { chunks, cursor: `${cursor ?? ""}x`, complete: false };
      calls.push({ signal, answer: () => resolve(answer) });
    });
  const answers = new LogAnswers();
  const ask = (
    of: Partial<LogsRequest> = {},
    more: { signal?: AbortSignal; done?: boolean } = {},
  ) =>
    answers.ask(SOURCE, request(of), {
      ...{ post, signal: new AbortController().signal, done: false, ...more },
    });
  return { calls, ask };
}

Deno.test("a thousand who stand at the same place make one call and share its answer", async () => {
  const { calls, ask } = setup(10);
  const all = Promise.all(Array.from({ length: 1_000 }, () => ask()));
  assertEquals(calls.length, 1);
  calls[0]!.answer();
  const got = await all;
  assert(got.every((answer) => answer === got[0]));
  assertEquals(await ask(), got[0], "one who comes later is given the same");
  assertEquals(calls.length, 1);
});

Deno.test("a call ends when the last one leaves that waits for it, and not before", async () => {
  const { calls, ask } = setup(10);
  const [first, second] = [new AbortController(), new AbortController()];
  const one = ask({}, { signal: first.signal });
  const two = ask({}, { signal: second.signal });
  first.abort();
  await assertRejects(() => one);
  assertEquals(calls[0]!.signal.aborted, false);
  second.abort();
  await assertRejects(() => two);
  assertEquals(calls[0]!.signal.aborted, true);
});

Deno.test("nobody is given an empty answer that was asked for before his question", async () => {
  const { calls, ask } = setup(0);
  const now = [ask({ waitMs: 0 }), ask({ waitMs: 0 })];
  assertEquals(calls.length, 2, "who does not wait has a call of his own");
  const after = [ask({ waitMs: 0 }, { done: true }), ask({ waitMs: 0 }, { done: true })];
  assertEquals(calls.length, 3, "after the end of the job nothing comes: these share one");
  for (const { answer } of calls) answer();
  await Promise.all([...now, ...after]);
  const later = ask();
  assertEquals(calls.length, 4, "an empty answer is not kept");
  calls[3]!.answer();
  await later;
});

Deno.test("last lines are asked for each time, and what is kept is bounded", async () => {
  const { calls, ask } = setup(1_000_000);
  for (const _ of [1, 2]) {
    const tail = ask({ tail: 3 });
    calls.at(-1)!.answer();
    await tail;
  }
  assertEquals(calls.length, 2);
  for (let n = 0; n < 10; n++) {
    const one = ask({ cursor: `${n}` });
    calls.at(-1)!.answer();
    await one;
  }
  const kept = ask({ cursor: "9" });
  assertEquals(calls.length, 12);
  await kept;
  const gone = ask({ cursor: "0" });
  assertEquals(calls.length, 13);
  calls[12]!.answer();
  await gone;
});
