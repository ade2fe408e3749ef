import { assert, assertEquals } from "@std/assert";
import type { Clock } from "../../../src/base/clock.ts";
import { OutputGuard } from "../../../src/worker/keeper/output_guard.ts";
import { Slots } from "../../../src/worker/keeper/slots.ts";
import { LogTimes } from "../../../src/worker/log_times.ts";
import { LogWorld } from "../../support/log_world.ts";

const MB = 1024 * 1024;
const ONE = { generation: 1, index: 0, attempt: 0 };

interface Guarded {
  readonly world: LogWorld;
  readonly slots: Slots;
  readonly guard: OutputGuard;
  /** Time passes: the guard looks if it wanted to. @returns how often it did */
  pass(ms: number): number;
}

function guarded(
  test: (of: Guarded) => void,
  more: { limitBytes?: number; spaceBytes?: number; blind?: boolean } = {},
): void {
  using world = new LogWorld();
  let nowMs = 0;
  let due: { atMs: number; fn: () => void } | null = null;
  const clock: Clock = {
    now: () => nowMs,
    wall: () => 1_000_000 + nowMs,
    setTimer(ms, fn) {
      due = { atMs: nowMs + ms, fn };
      return { cancel: () => due = null };
    },
  };
  const slots = new Slots(world.logs);
  const calls = more.blind
    ? { punch: world.calls.punch.bind(world.calls), growth: () => null } as never
    : world.calls;
  const guard = new OutputGuard({
    ...{ clock, calls, sizes: (slot) => slots.sizes(slot) },
    limitBytes: more.limitBytes ?? Infinity,
    spaceBytes: more.spaceBytes ?? Infinity,
  });
  try {
    test({
      ...{ world, slots, guard },
      pass(ms) {
        let looks = 0;
        for (const end = nowMs + ms; nowMs < end;) {
          nowMs = Math.min(end, due?.atMs ?? end);
          if (due === null || due.atMs > nowMs) continue;
          const { fn } = due;
          due = null;
          looks++;
          fn();
        }
        return looks;
      },
    });
  } finally {
    guard.dispose();
    slots.close();
  }
}

for (const blind of [false, true]) {
  const how = blind ? "without the kernel's word" : "told by the kernel";
  Deno.test(`a flood is bounded while it runs, its beginning and its end stay (${how})`, () => {
    guarded(({ world, slots, guard, pass }) => {
      const { slot, outFrom, errFrom } = slots.take(ONE);
      guard.begin(slot, { outFrom, errFrom, limitBytes: null });
      const path = slot.outPath.split("/").at(-1)!;
      for (let n = 0; n < 50; n++) {
        world.write(path, new Uint8Array(MB).fill(65 + n % 26));
        pass(20);
        const disk = world.diskBytes(path);
        // It looks five times as often once it has cut something.
        const seen = (n < 10 ? 9 : 4) * MB;
        assert(disk <= seen + 16_384, `after ${n + 1} MB: ${disk} bytes`);
      }
      guard.end(slot, slots.sizes(slot));
      const bytes = Deno.readFileSync(slot.outPath);
      assertEquals(bytes.length, 50 * MB);
      const all = (from: number, to: number, byte: number) =>
        bytes.subarray(from, to).every((one) => one === byte);
      assert(all(0, MB, 65), "the first megabyte");
      assert(all(49 * MB, 50 * MB, 65 + 49 % 26), "the last megabyte");
      assert(all(3 * MB, 47 * MB, 0), "nothing in between");
      assertEquals(guard.keptBytes, 0);
    }, { limitBytes: 4 * MB, blind });
  });
}

Deno.test("a job's own limit counts, and one task's flood touches no other's output", () => {
  guarded(({ world, slots, guard, pass }) => {
    const first = slots.take(ONE);
    world.write("0.0.out", new Uint8Array(MB).fill(66));
    slots.sizes(first.slot);
    slots.give(first.slot);
    const { slot, outFrom, errFrom } = slots.take(ONE);
    assertEquals([slot.number, outFrom], [0, MB]);
    guard.begin(slot, { outFrom, errFrom, limitBytes: 64 * 1024 });
    world.write("0.0.out", new Uint8Array(8 * MB).fill(67));
    pass(100);
    guard.end(slot, slots.sizes(slot));
    assert(world.diskBytes("0.0.out") <= MB + 64 * 1024 + 16_384);
    const bytes = Deno.readFileSync(`${world.logs}/0.0.out`);
    assert(bytes.subarray(0, MB).every((byte) => byte === 66));
    assert(bytes.subarray(MB, MB + 32 * 1024).every((byte) => byte === 67));
  });
});

Deno.test("many that write within their limits share the room there is", () => {
  guarded(({ world, slots, guard, pass }) => {
    const taken = [0, 1, 2, 3].map(() => slots.take(ONE));
    for (const { slot, outFrom, errFrom } of taken) {
      guard.begin(slot, { outFrom, errFrom, limitBytes: null });
    }
    for (const [at, size] of [100_000, 2 * MB, 3 * MB, 4 * MB].entries()) {
      world.write(`${at}.0.out`, new Uint8Array(size).fill(65));
    }
    pass(100);
    const disk = [0, 1, 2, 3].map((at) => world.diskBytes(`${at}.0.out`));
    assert(disk[0]! >= 100_000, "what is small stays whole");
    assert(disk.reduce((a, b) => a + b) <= 3 * MB + 65_536, disk.join());
  }, { spaceBytes: 3 * MB });
});

Deno.test("growth is noted with its time, at most ten times a second", () => {
  guarded(({ world, slots, guard, pass }) => {
    const { slot, outFrom, errFrom } = slots.take(ONE);
    guard.begin(slot, { outFrom, errFrom, limitBytes: null });
    assertEquals(pass(350), 3);
    world.write("0.0.out", "ab");
    pass(100);
    for (let n = 0; n < 100; n++) {
      world.write("0.0.out", "c");
      pass(10);
    }
    pass(200);
    const times = new LogTimes(world.logs);
    const ats = [0, 1, 2, 50, 101].map((offset) => times.at("0.0.out", offset)!.atMs - 1_000_000);
    times.close();
    assertEquals(ats.slice(0, 2), [400, 400]);
    ats.slice(2).forEach((atMs, n) => {
      const writtenMs = 450 + [0, 48, 99][n]! * 10;
      assert(atMs >= writtenMs && atMs <= writtenMs + 110, `${atMs} for ${writtenMs}`);
    });
    const count = Deno.statSync(`${world.logs}/0.0.out.times`).size / 16;
    assert(count <= 12, `${count} notes`);
  });
});

Deno.test("quiet attempts cost nothing: no file is looked at, and nothing when none runs", () => {
  guarded(({ slots, guard, pass }) => {
    const { slot, outFrom, errFrom } = slots.take(ONE);
    let asked = 0;
    const sizes = slots.sizes.bind(slots);
    slots.sizes = (slot) => {
      asked++;
      return sizes(slot);
    };
    guard.begin(slot, { outFrom, errFrom, limitBytes: null });
    pass(10_000);
    assertEquals(asked, 0);
    guard.end(slot, sizes(slot));
    assertEquals(pass(10_000), 0);
  });
});
