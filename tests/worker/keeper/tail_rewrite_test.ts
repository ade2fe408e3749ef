/** Limits of output where no holes can be punched: on a real file system in user space, and without. */
import { assert, assertEquals } from "@std/assert";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { FileCalls } from "../../../src/host/file_calls.ts";
import { OutputGuard } from "../../../src/worker/keeper/output_guard.ts";
import { Slots } from "../../../src/worker/keeper/slots.ts";
import { LogReader } from "../../../src/worker/log_reader.ts";
import { LogStore } from "../../../src/worker/log_store.ts";
import { ask } from "../../support/log_world.ts";
import { endedFact, startedFact } from "../../support/reconcile_samples.ts";
import { needs } from "../../support/require.ts";

const MB = 1024 * 1024;
const ONE = { generation: 1, index: 0, attempt: 0 };
/** Lines of 16 bytes, whose numbers follow from their places. */
const LINE_BYTES = 16;

async function run(command: string, ...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(command, { args, stdout: "null", stderr: "null" })
    .output();
  return success;
}

/** A file system that knows no holes to punch, and none that can be asked for. */
async function mount(dir: string): Promise<boolean> {
  const image = `${dir}/image`;
  Deno.mkdirSync(`${dir}/mnt`);
  Deno.writeFileSync(image, new Uint8Array());
  Deno.truncateSync(image, 64 * MB);
  return await run("mkfs.ntfs", "-F", "-Q", "-q", image) &&
    await run("ntfs-3g", image, `${dir}/mnt`);
}

async function withMount(test: (folder: string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync({ prefix: "iris-ntfs-" });
  try {
    if (!await mount(dir)) throw new Error("ntfs-3g cannot mount here");
    try {
      await test(`${dir}/mnt`);
    } finally {
      await run("umount", `${dir}/mnt`);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function lines(from: number, bytes: number): Uint8Array {
  const count = bytes / LINE_BYTES;
  const text = Array.from({ length: count }, (_, n) => String(from + n).padStart(15, "0") + "\n");
  return new TextEncoder().encode(text.join(""));
}

function append(path: string, bytes: Uint8Array): void {
  Deno.writeFileSync(path, bytes, { append: true });
}

/** Floods a slot in steps of a megabyte under a guard, and reads what is left. */
async function flood(folder: string, calls: FileCalls): Promise<string> {
  Deno.mkdirSync(`${folder}/logs`);
  let due: (() => void) | null = null;
  const clock: Clock = {
    ...{ now: () => 0, wall: () => 1_000 },
    setTimer(_ms, fn) {
      due = fn;
      return { cancel: () => due = null };
    },
  };
  const slots = new Slots(`${folder}/logs`);
  const guard = new OutputGuard({
    ...{ clock, calls, sizes: (slot) => slots.sizes(slot) },
    ...{ limitBytes: 4 * MB, spaceBytes: Infinity },
  });
  const before = slots.take(ONE);
  append(before.slot.outPath, new TextEncoder().encode("of another attempt\n"));
  slots.sizes(before.slot);
  slots.give(before.slot);
  const { slot, outFrom, errFrom } = slots.take(ONE);
  try {
    guard.begin(slot, { outFrom, errFrom, limitBytes: null });
    for (let n = 0; n < 50; n++) {
      append(slot.outPath, lines(n * MB / LINE_BYTES, MB));
      const fn = due as (() => void) | null;
      due = null;
      fn?.();
      const disk = (Deno.statSync(slot.outPath).blocks ?? 0) * 512;
      assert(disk <= 6 * MB, `${disk} bytes after ${n + 1} MB`);
    }
    guard.end(slot, slots.sizes(slot));
    assertEquals(Deno.statSync(slot.outPath).size, outFrom + 50 * MB);
    const first = Deno.readFileSync(slot.outPath).subarray(0, outFrom);
    assertEquals(new TextDecoder().decode(first), "of another attempt\n");
    return await readBack(folder, { calls, slot: slot.number, from: outFrom });
  } finally {
    guard.dispose();
    slots.close();
  }
}

async function readBack(
  folder: string,
  of: { calls: FileCalls; slot: number; from: number },
): Promise<string> {
  const store = new LogStore();
  store.add({
    started: [startedFact(1, 0, { slot: of.slot, outFrom: of.from })],
    ended: [endedFact(1, 0, { outTo: of.from + 50 * MB })],
  });
  const reader = new LogReader({ folder, store, calls: of.calls, clock: systemClock });
  let text = "";
  try {
    for (let cursor: string | null = null;;) {
      const answer = await ask(reader, { cursor });
      text += answer.chunks.map(({ data }) => atob(data)).join("");
      if (answer.chunks.length === 0) return text;
      cursor = answer.cursor;
    }
  } finally {
    reader.close();
  }
}

function check(text: string): void {
  const all = text.trimEnd().split("\n");
  const gone = all.flatMap((line) => /^\[iris: (\d+) bytes of output are gone\]$/.exec(line) ?? []);
  assert(gone.length > 0, "what is gone is said");
  assertEquals(text.includes("\0"), false, "no hole passes for text");
  assertEquals(all[0], "0".padStart(15, "0"), "its beginning stays");
  const last = 50 * MB / LINE_BYTES - 1;
  const tail = all.slice(-60_000).map(Number);
  assertEquals(tail, Array.from(tail, (_, n) => last - tail.length + 1 + n), "and its end");
}

const ntfs = await needs("a file system without holes to punch (ntfs-3g)", async () => {
  let mounted = false;
  await withMount(() => {
    mounted = true;
    return Promise.resolve();
  });
  return mounted;
});

Deno.test({
  name: "a flood is bounded on a file system that can punch no holes, and says what is gone",
  ...ntfs,
  fn: () =>
    withMount(async (folder) => {
      const calls = FileCalls.open()!;
      try {
        check(await flood(folder, calls));
        assert(Deno.statSync(`${folder}/logs/no-holes`).isFile);
      } finally {
        calls.close();
      }
    }),
});

Deno.test("where punching fails the end of a flood is written anew", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-rewrite-" });
  const calls = FileCalls.open()!;
  calls.punch = () => false;
  try {
    check(await flood(folder, calls));
  } finally {
    calls.close();
    Deno.removeSync(folder, { recursive: true });
  }
});
