import { assert, assertEquals } from "@std/assert";
import { GONE_KEPT_MS, VmLogs } from "../../src/vm/vm_logs.ts";

function inFolder(test: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "iris-vm-logs-" });
  try {
    test(`${folder}/logs`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const files = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("lines are kept in bounded memory and bounded files, the newest for certain", () =>
  inFolder((folder) => {
    const logs = new VmLogs(folder);
    // More bytes than characters.
    const text = "é".repeat(3_000);
    for (let i = 0; i < 2_000; i++) {
      logs.add("a-0", { atMs: i, text: `${i} ${text}` });
      if (i % 100 === 0) logs.flush();
    }
    logs.flush();
    const sizes = files(folder).map((name) => Deno.statSync(`${folder}/${name}`).size);
    assertEquals(sizes.length, 2);
    for (const size of sizes) assert(size < 1_000_000, `${size} bytes`);
    assertEquals(logs.tail("a-0", 2).lines.map(({ atMs }) => atMs), [1_998, 1_999]);
    const next = new VmLogs(folder);
    assertEquals(next.tail("a-0", 1).lines.map(({ atMs }) => atMs), [1_999]);
    assert(next.tail("a-0", 10_000).lines.length > 100);
  }));

Deno.test("what a VM said goes some time after the VM, and not before", () =>
  inFolder((folder) => {
    const logs = new VmLogs(folder);
    for (const vm of ["gone", "live"]) logs.add(vm, { atMs: 1, text: "here" });
    logs.flush();
    const now = Date.now();
    logs.gone("gone", now);
    logs.sweep(now + GONE_KEPT_MS - 1_000, new Set(["live"]));
    assertEquals(files(folder), ["gone.log", "live.log"]);
    logs.sweep(now + GONE_KEPT_MS + 1_000, new Set(["live"]));
    assertEquals([files(folder), logs.has("gone")], [["live.log"], false]);
    // Of an earlier VM manager, whose VM is there no more.
    new VmLogs(folder).sweep(now + GONE_KEPT_MS + 1_000, new Set());
    assertEquals(files(folder), []);
  }));

Deno.test("a folder that cannot be written, and a name that is no file's, cost no line", () => {
  const logs = new VmLogs("/proc/nowhere");
  for (const vm of ["a", "../b"]) logs.add(vm, { atMs: 1, text: "said" });
  logs.flush();
  assertEquals(logs.tail("a", 9).lines.length, 1);
  assertEquals(logs.tail("../b", 9).lines.length, 1);
});

Deno.test("who reads on by the place of before gets every line once, also from the next VM manager", () =>
  inFolder((folder) => {
    const logs = new VmLogs(folder);
    const say = (of: VmLogs, atMs: number, ...texts: string[]) => {
      for (const text of texts) of.add("a", { atMs, text });
    };
    const texts = ({ lines }: { lines: readonly { text: string }[] }) =>
      lines.map(({ text }) => text).join(" ");
    say(logs, 5_000, "one", "two", "three");
    const first = logs.behind("a", 0, 2);
    assertEquals([texts(first), first.more, first.lost], ["one two", true, false]);
    const second = logs.behind("a", first.next, 2);
    assertEquals([texts(second), second.more, second.lost], ["three", false, false]);
    assertEquals(logs.tail("a", 0), { lines: [], next: second.next, lost: false, more: false });
    assertEquals(texts(logs.behind("a", second.next, 2)), "");
    logs.flush();
    // The clock went back meanwhile.
    const next = new VmLogs(folder);
    say(next, 4_000, "four");
    const third = next.behind("a", second.next, 9);
    assertEquals([texts(third), third.lost, third.next > second.next], ["four", false, true]);
  }));

Deno.test("that lines may be missing is said once", () => {
  const logs = new VmLogs(null);
  for (let i = 1; i <= 3_000; i++) logs.add("a", { atMs: i, text: `${i}` });
  const { lines, lost, next } = logs.behind("a", 7, 10_000);
  assertEquals([lost, lines.at(0)?.text !== "8", next], [true, true, 3_000]);
  assertEquals(logs.behind("a", next, 9), { lines: [], next, lost: false, more: false });
  // One that was killed before its last lines were written: what follows has higher numbers.
  const killed = logs.behind("a", 3_005, 9);
  assertEquals([killed.lost, killed.next], [true, 3_000]);
  assertEquals(new VmLogs(null).behind("a", 5, 9), { lines: [], next: 0, lost: true, more: false });
});

Deno.test("what the disk refuses is read from memory, behind what is on disk", () =>
  inFolder((folder) => {
    const logs = new VmLogs(folder);
    logs.add("a", { atMs: 1, text: "written" });
    logs.flush();
    const next = new VmLogs(folder);
    Deno.chmodSync(folder, 0o500);
    Deno.renameSync(folder, `${folder}.away`);
    Deno.writeTextFileSync(folder, "no folder");
    next.add("a", { atMs: 2, text: "kept" });
    assertEquals(next.tail("a", 9).lines.map(({ text }) => text), ["kept"]);
    Deno.removeSync(folder);
    Deno.renameSync(`${folder}.away`, folder);
    assertEquals(next.tail("a", 9).lines.map(({ text }) => text), ["written", "kept"]);
  }));
