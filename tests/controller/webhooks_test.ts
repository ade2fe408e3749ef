import { assert, assertEquals, assertMatch } from "@std/assert";
import { seededRandom } from "../../src/base/random.ts";
import {
  afterTry,
  dueCalls,
  MAX_AGE_MS,
  MAX_CALLS,
  MAX_TRIES,
  webhookBody,
  whyNot,
} from "../../src/controller/decide_webhooks.ts";
import { WebhookBook } from "../../src/controller/webhook_book.ts";
import type { JobView } from "../../src/wire/api.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";

const url = "https://example.com/done";
const spec = parseJobSpec({ name: "a", argv: ["secret"], env: { KEY: "secret" }, webhook: url }, {
  user: "ada",
});
const job: JobView = {
  ...{ name: "/ada/a", generation: 7, state: "FAILED", replicas: 1, counts: { FAILED: 1 } },
  ...{ done: true, submittedAtMs: 1, startedAtMs: 2, endedAtMs: 3, reason: "x".repeat(5_000) },
  ...{ held: false, parent: null, retryOf: null, spec },
};
const random = seededRandom(1);
const first = { generation: 7, tries: 0, atMs: 0 };

Deno.test("a call that failed is made again after longer and longer pauses, and then given up", () => {
  let owed = first;
  let nowMs = 0;
  const pauses: number[] = [];
  for (;;) {
    const outcome = afterTry(owed, { tried: { status: 503 }, nowMs, random });
    if (!("next" in outcome)) {
      assertEquals(outcome, { givenUp: `HTTP 503, ${MAX_TRIES} times` });
      break;
    }
    pauses.push(outcome.next.atMs - nowMs);
    owed = outcome.next;
    nowMs = owed.atMs;
  }
  assertEquals(pauses.length, MAX_TRIES - 1);
  assert(pauses[0]! >= 500 && pauses[0]! <= 1_000, String(pauses[0]));
  assert(pauses.at(-1)! >= 256_000 && pauses.every((pause) => pause <= 3_600_000));
});

Deno.test("only 2xx is a success, a redirect is none, and 410 ends it at once", () => {
  const after = (tried: Parameters<typeof afterTry>[1]["tried"]) =>
    afterTry(first, { tried, nowMs: 0, random });
  for (const status of [200, 201, 204]) assertEquals(after({ status }), { done: true });
  for (const status of [301, 400, 404, 500]) assert("next" in after({ status }), String(status));
  assert("next" in after({ problem: "no route" }));
  assertEquals(after({ status: 410 }), { givenUp: "HTTP 410" });
});

Deno.test("so many calls are under way at a time, those that wait longest first", () => {
  const owed = Array.from(
    { length: 20 },
    (_, at) => ({ generation: at, tries: 0, atMs: 100 - at }),
  );
  const none = new Set<number>();
  assertEquals(dueCalls(owed, { nowMs: 82, running: none }).map(({ atMs }) => atMs), [81, 82]);
  assertEquals(dueCalls(owed, { nowMs: 500, running: none }).length, MAX_CALLS);
  const running = new Set([19, 18]);
  const due = dueCalls(owed, { nowMs: 500, running });
  assertEquals([due.length, due[0]!.generation], [MAX_CALLS - 2, 17]);
});

Deno.test("what may not be called any more, or comes too late, is not called", () => {
  const why = (of: { nowMs?: number; hosts?: string[] }) =>
    whyNot(job, { nowMs: 3, hosts: ["example.com"], ...of });
  assertEquals(why({}), null);
  assertMatch(why({ hosts: [] }) ?? "", /--webhooks/);
  assertMatch(why({ nowMs: 4 + MAX_AGE_MS }) ?? "", /too long ago/);
});

Deno.test("what is sent is bounded, and says nothing of the command, its environment or output", () => {
  const body = webhookBody(job, "c.7");
  assert(body.length < 2_000);
  assertEquals(body.includes("secret"), false);
  const { id, event, job: name, state } = JSON.parse(body);
  assertEquals([id, event, name, state], ["c.7", "job_done", "/ada/a", "FAILED"]);
});

Deno.test("what is settled stays settled over a restart, half a line or not, as long as the job is there", () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-test-" });
  const path = `${folder}/webhooks`;
  const all = (generations: readonly number[]) => generations;
  try {
    const book = WebhookBook.open(path, all);
    book.settle(1, "called");
    book.settle(2, "given up");
    book.close();
    Deno.writeTextFileSync(path, '[3,"cal', { append: true });
    const again = WebhookBook.open(path, all);
    assertEquals([1, 2, 3].map((generation) => again.of(generation)), ["called", "given up", null]);
    again.settle(3, "called");
    again.close();
    const some = WebhookBook.open(path, () => [3]);
    assertEquals([1, 2, 3].map((generation) => some.of(generation)), [null, null, "called"]);
    some.close();
    assertEquals(Deno.readTextFileSync(path), '[3,"called"]\n');
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
