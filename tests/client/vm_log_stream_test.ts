import { assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import {
  type FollowVmLogs,
  followVmLogs,
  type ReadVmLogs,
} from "../../src/client/vm_log_stream.ts";
import type { VmLogs } from "../../src/wire/vms.ts";

/** A VM that says `total` lines, two in an answer, and is gone then; and what breaks in between. */
function talking(total: number, breaks: Readonly<Record<number, IrisError>> = {}) {
  const asked: string[] = [];
  const read: ReadVmLogs = ({ after, tail, waitMs }) => {
    const broken = breaks[asked.length];
    asked.push(`${after ?? "first"} ${tail ?? ""} ${waitMs ?? ""}`.trim());
    if (broken !== undefined) return Promise.reject(broken);
    const from = after ?? 0;
    const next = Math.min(total, from + 2);
    const lines = Array.from(
      { length: next - from },
      (_, at) => ({ atMs: 1, text: `${from + at}` }),
    );
    return Promise.resolve({ vm: "a", lines, next, lost: from === 4, over: next === total });
  };
  return { read, asked };
}

async function follow(read: ReadVmLogs, options: FollowVmLogs = {}) {
  const told: string[] = [];
  for await (const { text } of followVmLogs(read, options)) told.push(text);
  return told;
}

const away = new IrisError("unavailable", "nobody listens");

Deno.test("a VM's log is followed until the VM is gone, from where it was after each break", async () => {
  const { read, asked } = talking(7, {
    1: away,
    2: new IrisError("not_found", "There is no VM a"),
    4: new IrisError("closing", "The server is stopping"),
  });
  const lost: string[] = [];
  const told = await follow(read, { tail: 5, onLost: (why) => lost.push(why) });
  assertEquals(told, ["0", "1", "2", "3", "4", "5", "6"]);
  assertEquals(asked.slice(0, 3), ["first 5", "2 10000 10000", "2 10000 10000"]);
  assertEquals(lost, [
    "nobody listens; trying again",
    "The server is stopping; trying again",
    "lines are missing here: they are not kept any more",
  ]);
});

Deno.test("what does not pass ends the following: no such VM, an older VM manager, nobody for long", async () => {
  const none = talking(3, { 0: new IrisError("not_found", "There is no VM a") });
  assertEquals((await assertRejects(() => follow(none.read), IrisError)).code, "not_found");
  const old: VmLogs = { vm: "a", lines: [], next: null, lost: false, over: false };
  const error = await assertRejects(() => follow(() => Promise.resolve(old)), IrisError);
  assertEquals(error.code, "incompatible");
  const never = () => Promise.reject(away);
  const given = await assertRejects(() => follow(never, { giveUpMs: 0 }), IrisError);
  assertEquals(given.message, "The log broke off: nobody listens");
});

Deno.test("an abort ends the following at once", async () => {
  const stop = new AbortController();
  const read: ReadVmLogs = ({ signal }) =>
    new Promise((_, reject) => {
      signal!.addEventListener("abort", () => reject(signal!.reason), { once: true });
      stop.abort();
    });
  await assertRejects(() => follow(read, { signal: stop.signal }), DOMException);
});
