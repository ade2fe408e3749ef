import { assertEquals } from "@std/assert";
import {
  ProgressBar,
  type ProgressBarFormatter,
  type ProgressBarOptions,
} from "@std/cli/unstable-progress-bar";
import { FakeTime } from "@std/testing/time";

/** A sink that keeps what it gets, and whether it was closed. */
function sink() {
  const lines: string[] = [];
  const state = { isClosed: false };
  const writable = new WritableStream<Uint8Array>({
    write: (bytes) => void lines.push(new TextDecoder().decode(bytes)),
    close: () => void (state.isClosed = true),
  });
  return { lines, state, writable };
}

async function run(
  options: Omit<ProgressBarOptions, "writable">,
  during: (bar: ProgressBar, time: FakeTime) => void = () => {},
) {
  using time = new FakeTime();
  const { lines, state, writable } = sink();
  const bar = new ProgressBar({ ...options, writable });
  during(bar, time);
  await bar.stop();
  return { lines, isClosed: state.isClosed };
}

Deno.test("shows time, bar and amount at once, each second and at the end", async () => {
  const { lines, isClosed } = await run(
    { max: 2_000, barLength: 4 },
    (bar, time) => {
      bar.value += 1_000;
      time.tick(1_000);
      bar.value += 1_000;
      time.tick(61_000 - 1_000 - 1);
      bar.max = 4_000;
    },
  );
  assertEquals(lines.slice(0, 2), [
    "\r\x1b[K[00:00] [----] [0.00/1.95 KiB]",
    "\r\x1b[K[00:01] [##--] [0.98/1.95 KiB]",
  ]);
  assertEquals(lines.slice(-2), [
    "\r\x1b[K[01:00] [##--] [1.95/3.91 KiB]",
    "\n",
  ]);
  assertEquals(lines.length, 1 + 60 + 2);
  assertEquals(isClosed, false);
});

Deno.test("interval, characters, start value, clearing and closing are options", async () => {
  const options = {
    max: 10,
    value: 5,
    barLength: 2,
    fillChar: "=",
    emptyChar: " ",
  };
  const { lines, isClosed } = await run(
    { ...options, interval: 500, clear: true, keepOpen: false },
    (_, time) => time.tick(1_000),
  );
  assertEquals(lines[0], "\r\x1b[K[00:00] [= ] [0.00/0.01 KiB]");
  assertEquals(lines.length, 4);
  assertEquals(lines.at(-1), "\r\x1b[K");
  assertEquals(isClosed, true);
});

Deno.test("the formatter gets now and before", async () => {
  const seen: ProgressBarFormatter[] = [];
  const formatter = (state: ProgressBarFormatter) => {
    seen.push(state);
    return `${state.value}`;
  };
  // The first line waits for nobody, but its values count as shown only once it is written.
  using time = new FakeTime();
  const { writable, lines } = sink();
  const bar = new ProgressBar({ max: 10, writable, formatter });
  await time.runMicrotasks();
  bar.value = 3;
  time.tick(1_000);
  await time.runMicrotasks();
  bar.value = 10;
  await bar.stop();
  assertEquals(lines, ["\r\x1b[K0", "\r\x1b[K3", "\r\x1b[K10", "\n"]);
  const { styledData, ...last } = seen.at(-1) as ProgressBarFormatter;
  assertEquals(styledData(), "0.01/0.01 KiB");
  assertEquals(last, {
    styledTime: "00:01",
    progressBar: "#".repeat(50),
    time: 1_000,
    previousTime: 1_000,
    value: 10,
    previousValue: 3,
    max: 10,
  });
});

Deno.test("the bar stays within its length, whatever the value", async () => {
  const bars = async (value: number, max: number) =>
    (await run({ value, max, barLength: 3 })).lines[0]?.split("] ").slice(1);
  assertEquals(await bars(-1, 1024), ["[---", "[-0.00/1.00 KiB]"]);
  assertEquals(await bars(2048, 1024), ["[###", "[2.00/1.00 KiB]"]);
  assertEquals(await bars(0, -1), ["[---", "[0.00/-0.00 KiB]"]);
});

Deno.test("the unit is the largest that the maximum fills", async () => {
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
  for (const [at, unit] of units.entries()) {
    const { lines } = await run({ max: 2 ** (10 * (at + 1)) });
    assertEquals(lines[0]?.slice(-15), `[0.00/1.00 ${unit}]`);
  }
});

Deno.test("a reader that goes away ends the bar without an error", async () => {
  using _time = new FakeTime();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const bar = new ProgressBar({ max: 10, writable });
  await readable.cancel();
  await bar.stop();
});
