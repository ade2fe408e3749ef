/** Pages that stay up to date: what is sent, to whom, and what it costs. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { systemClock } from "../../src/base/clock.ts";
import { IrisError } from "../../src/base/errors.ts";
import { viewerOf } from "../../src/http/dashboard/viewer.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { LiveHub, MAX_STREAMS, tagOf } from "../../src/http/dashboard/live_hub.ts";

/** Something that was to come is given up for lost after so long, in ms. */
const LATE_MS = 5_000;

function setup() {
  const closed = new AbortController();
  const world = { version: 1, parts: new Map([["a", "one"], ["b", "two"]]), renders: 0 };
  const hub = new LiveHub({
    render: () => {
      world.renders++;
      return Promise.resolve({ blocks: new Map(world.parts), periodMs: null });
    },
    version: () => String(world.version),
    ...{ build: "b1", clock: systemClock, closed: closed.signal },
  });
  return { hub, world, closed };
}

const page = {
  url: new URL("http://page/jobs?q=x"),
  viewer: viewerOf({ role: "admin", user: null, job: null }),
};

/** Reads a stream event by event. */
class Events {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(answer: Response) {
    this.#reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event as its name and data; null at the end. */
  async next(): Promise<readonly [string, unknown] | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const [, event = "", data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(
          this.#text.slice(0, end),
        ) ?? [];
        this.#text = this.#text.slice(end + 2);
        return [event, JSON.parse(data)];
      }
      const { done, value } = await deadline(this.#reader.read(), LATE_MS);
      if (done) return null;
      this.#text += value;
    }
  }

  /** All up to the next tag. */
  async upToTag(): Promise<(readonly [string, unknown])[]> {
    const seen: (readonly [string, unknown])[] = [];
    for (let event = await this.next(); event !== null; event = await this.next()) {
      if (event[0] === "tag") return seen;
      seen.push(event);
    }
    throw new Error("the stream ended");
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

Deno.test("only what changed is sent, and who has all of it gets nothing", async () => {
  const { hub, world } = setup();
  const events = new Events(hub.open(page, null));
  assertEquals((await events.next())?.[0], "hello");
  assertEquals(await events.upToTag(), [
    ["block", { id: "a", html: "one" }],
    ["block", { id: "b", html: "two" }],
  ]);
  const second = new Events(hub.open(page, tagOf(world.parts)));
  assertEquals((await second.next())?.[0], "hello");
  world.parts.set("b", "three");
  world.version++;
  for (const each of [events, second]) {
    assertEquals(await each.upToTag(), [["block", { id: "b", html: "three" }]]);
  }
  assertEquals([world.renders, hub.streams, hub.watched], [2, 2, 1], "both share a rendering");
  await events.cancel();
  await second.cancel();
  assertEquals([hub.streams, hub.watched], [0, 0]);
});

Deno.test("who reads slowly gets the newest of a part once", async () => {
  const { hub, world } = setup();
  const slow = new Events(hub.open(page, null));
  const quick = new Events(hub.open(page, null));
  await slow.next();
  await slow.upToTag();
  await quick.next();
  await quick.upToTag();
  for (const text of ["x", "y", "z"]) {
    world.parts.set("a", text);
    world.version++;
    assertEquals(await quick.upToTag(), [["block", { id: "a", html: text }]]);
  }
  // The first may have been on its way already.
  const seen = [...await slow.upToTag()];
  if (JSON.stringify(seen).includes('"x"')) seen.splice(0, seen.length, ...await slow.upToTag());
  assertEquals(seen, [["block", { id: "a", html: "z" }]]);
  await slow.cancel();
  await quick.cancel();
});

Deno.test("what cannot be rendered now is said, and what comes later is sent", async () => {
  const closed = new AbortController();
  let broken = true;
  const hub = new LiveHub({
    render: () => {
      if (broken) return Promise.reject(new IrisError("not_found", "No such job: x"));
      return Promise.resolve({ blocks: new Map([["a", "there"]]), periodMs: null });
    },
    version: () => "1",
    ...{ build: "b1", clock: systemClock, closed: closed.signal },
  });
  const events = new Events(hub.open(page, null));
  await events.next();
  const problem = { code: "not_found", message: "No such job: x" };
  assertEquals(await events.next(), ["problem", problem]);
  broken = false;
  let next = await events.next();
  while (next?.[0] === "problem") next = await events.next();
  assertEquals(next, ["block", { id: "a", html: "there" }]);
  closed.abort();
  while (await events.next() !== null);
  assertEquals([hub.streams, hub.watched], [0, 0], "the server's end is theirs");
  assertThrows(() => hub.open(page, null), IrisError, "stopping");
});

Deno.test("no more streams are open than there may be", async () => {
  const { hub, closed } = setup();
  const open = Array.from({ length: MAX_STREAMS }, () => hub.open(page, null));
  assertThrows(() => hub.open(page, null), IrisError, "pages are open");
  await open[0]!.body!.cancel();
  const more = hub.open(page, null);
  closed.abort();
  for (const each of [...open.slice(1), more]) await each.body!.cancel();
  assert(hub.streams === 0);
});

Deno.test("who reads for long has to ask again, and nobody waits for a reader that went", async () => {
  const clock = new ManualClock();
  const hub = new LiveHub({
    render: () => Promise.resolve({ blocks: new Map([["a", "one"]]), periodMs: null }),
    version: () => "1",
    ...{ build: "b1", clock, closed: new AbortController().signal },
  });
  const events = new Events(hub.open(page, null));
  await events.next();
  await events.upToTag();
  await clock.advance(5 * 60_000);
  let last = await events.next();
  while (last?.[0] === "beat") last = await events.next();
  assertEquals([last, await events.next()], [["again", null], null]);
  await clock.advance(1_000);
  assertEquals([hub.streams, hub.watched, clock.timers], [0, 0, 0]);
});
