import { assertEquals } from "@std/assert";
import { channelPair, PortChannel } from "../../src/lifecycle/channel.ts";

/** Resolves when the other end has read everything posted before. */
async function settled(port: PortChannel<unknown, unknown>, other: PortChannel<unknown, unknown>) {
  const arrived = Promise.withResolvers<void>();
  other.onMessage(() => arrived.resolve());
  port.post("flush");
  await arrived.promise;
}

Deno.test("channel delivers messages in order on a later turn", async () => {
  const [left, right] = channelPair<number, number>();
  const got: number[] = [];
  const done = Promise.withResolvers<void>();
  right.onMessage((n) => {
    got.push(n);
    if (n === 3) done.resolve();
  });
  for (const n of [1, 2, 3]) left.post(n);
  assertEquals(got, []);
  await done.promise;
  assertEquals(got, [1, 2, 3]);
  left.close();
  right.close();
});

Deno.test("channel keeps messages while no handler is set, drops the oldest beyond its limit and counts them", async () => {
  const { port1, port2 } = new MessageChannel();
  const left = new PortChannel<number, number>(port1);
  const right = new PortChannel<number, number>(port2, { waitingLimit: 3 });
  const back = Promise.withResolvers<void>();
  left.onMessage(() => back.resolve());
  for (const n of [1, 2, 3, 4, 5]) left.post(n);
  // `right` reads in order, so an answer to a sixth message proves that five have arrived.
  const got: number[] = [];
  const sixth = Promise.withResolvers<void>();
  const poll = () => right.dropped >= 2 ? sixth.resolve() : void setTimeout(poll, 1);
  poll();
  await sixth.promise;
  right.onMessage((n) => got.push(n));
  assertEquals(got, [], "the handler is never called inside onMessage");
  right.post(0);
  await back.promise;
  assertEquals(got, [3, 4, 5]);
  assertEquals(right.dropped, 2);
  left.close();
  right.close();
});

Deno.test("channel gives waiting messages to a new handler before anything newer", async () => {
  const [left, right] = channelPair<number, number>();
  const got: string[] = [];
  const second = Promise.withResolvers<void>();
  right.onMessage((n) => {
    got.push(`first ${n}`);
    right.onMessage(null);
    queueMicrotask(() =>
      right.onMessage((m) => {
        got.push(`second ${m}`);
        if (m === 3) second.resolve();
      })
    );
  });
  for (const n of [1, 2, 3]) left.post(n);
  await second.promise;
  assertEquals(got, ["first 1", "second 2", "second 3"]);
  left.close();
  right.close();
});

Deno.test("channel keeps the order when a message arrives just as a handler was set", () => {
  const { port1, port2 } = new MessageChannel();
  const channel = new PortChannel<number, number>(port1);
  const got: number[] = [];
  const arrive = (n: number) => port1.dispatchEvent(new MessageEvent("message", { data: n }));
  arrive(1);
  channel.onMessage((n) => got.push(n));
  arrive(2);
  assertEquals(got, []);
  return Promise.resolve().then(() => {
    assertEquals(got, [1, 2]);
    channel.close();
    port2.close();
  });
});

Deno.test("channel goes on with the next waiting message when a handler throws", async () => {
  const [left, right] = channelPair<number, number>();
  const failures: string[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    failures.push(event.error.message);
  };
  globalThis.addEventListener("error", onError);
  try {
    for (const n of [1, 2, 3]) left.post(n);
    // All three wait before a handler is set.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const got: number[] = [];
    const done = Promise.withResolvers<void>();
    right.onMessage((n) => {
      if (n === 1) throw new Error("one is bad");
      got.push(n);
      if (n === 3) done.resolve();
    });
    await done.promise;
    assertEquals(got, [2, 3]);
    assertEquals(failures, ["one is bad"]);
  } finally {
    globalThis.removeEventListener("error", onError);
    left.close();
    right.close();
  }
});

Deno.test("channel does nothing once closed, and closes twice without harm", async () => {
  const [left, right] = channelPair<unknown, unknown>();
  await settled(left, right);
  right.close();
  right.close();
  right.post("nobody hears this");
  assertEquals(right.closed, true);
  left.close();
});

Deno.test("channel tells its opener of a message that cannot be read", () => {
  const { port1, port2 } = new MessageChannel();
  let unreadable = 0;
  const channel = new PortChannel<number, number>(port1, { onUnreadable: () => unreadable++ });
  port1.dispatchEvent(new MessageEvent("messageerror"));
  assertEquals(unreadable, 1);
  channel.close();
  port2.close();
});
