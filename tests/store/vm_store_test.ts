import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { openVmStore, type VmStore } from "../../src/store/vm_store.ts";
import type { GroupConfig } from "../../src/vm/scale_group.ts";
import type { SliceRow, VmJournal } from "../../src/vm/vm_book.ts";
import { groupConfig } from "../fakes/scale_groups.ts";

async function inFolder(test: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "iris-vms-" });
  try {
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function row(slice: string): SliceRow {
  const [createdMs, readyMs, stopping, externalId] = [5, null, null, null];
  return { slice, group: "cpu", vms: [`${slice}-a`], externalId, createdMs, readyMs, stopping };
}

Deno.test("what a VM manager writes down of slices is there for the next one", () =>
  inFolder((folder) => {
    const store: VmStore<GroupConfig> & VmJournal = openVmStore<GroupConfig>(`${folder}/vms`);
    store.write([{ type: "group", config: groupConfig() }]);
    store.write([{ type: "intent", row: row("cpu-0"), next: 1 }]);
    store.write([
      { type: "intent", row: row("cpu-1"), next: 2 },
      { type: "created", slice: "cpu-0", externalId: "i-7" },
      { type: "ready", slice: "cpu-0", readyMs: 9 },
      { type: "stopping", slice: "cpu-1", reason: "idle" },
      // The configuration is told at each start; numbers go on.
      { type: "group", config: groupConfig({ group: { max: 8 } }) },
    ]);
    store.close();
    const next = openVmStore<GroupConfig>(`${folder}/vms`);
    assertEquals(next.read(), {
      slices: [
        { ...row("cpu-0"), externalId: "i-7", readyMs: 9 },
        { ...row("cpu-1"), stopping: "idle" },
      ],
      groups: [groupConfig({ group: { max: 8 } })],
      next: { cpu: 2 },
    });
    next.write([{ type: "removed", slice: "cpu-0" }, { type: "removed", slice: "cpu-1" }]);
    assertEquals(next.read().slices, []);
    assertEquals(next.read().next, { cpu: 2 });
    next.close();
  }));

Deno.test("changes are written all or not at all", () =>
  inFolder((folder) => {
    const store = openVmStore<GroupConfig>(folder);
    const bad = { ...row("cpu-1"), createdMs: "never" as unknown as number };
    const error = assertThrows(() =>
      store.write([
        { type: "intent", row: row("cpu-0"), next: 1 },
        { type: "intent", row: bad, next: 2 },
      ]), IrisError);
    assertEquals([error.code, store.read().slices], ["database", []]);
    store.write([{ type: "intent", row: row("cpu-0"), next: 1 }]);
    assertEquals(store.read().slices.length, 1);
    store.close();
  }));

Deno.test("a file that is no database is refused in one line, and left as it is", () =>
  inFolder((folder) => {
    const path = `${folder}/vms.db`;
    Deno.writeTextFileSync(path, "x".repeat(5_000));
    const error = assertThrows(() => openVmStore(folder), IrisError);
    assertEquals([error.code, error.message.split("\n").length], ["database", 1]);
    assertEquals(Deno.readTextFileSync(path).length, 5_000);
  }));
