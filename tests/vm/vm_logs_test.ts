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
    const text = "x".repeat(3_000);
    for (let i = 0; i < 2_000; i++) {
      logs.add("a-0", { atMs: i, text: `${i} ${text}` });
      if (i % 100 === 0) logs.flush();
    }
    logs.flush();
    const sizes = files(folder).map((name) => Deno.statSync(`${folder}/${name}`).size);
    assertEquals(sizes.length, 2);
    for (const size of sizes) assert(size < 1_000_000, `${size} bytes`);
    assertEquals(logs.tail("a-0", 2).map(({ atMs }) => atMs), [1_998, 1_999]);
    const next = new VmLogs(folder);
    assertEquals(next.tail("a-0", 1).map(({ atMs }) => atMs), [1_999]);
    assert(next.tail("a-0", 10_000).length > 100);
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
  assertEquals(logs.tail("a", 9).length, 1);
  assertEquals(logs.tail("../b", 9).length, 1);
});
