import { assertEquals, assertThrows } from "@std/assert";
import { bootId, processStartTime } from "../../../src/host/proc.ts";
import { IrisError } from "../../../src/base/errors.ts";
import { liveKeeper, lockKeeper, readKeeperNote } from "../../../src/worker/keeper/keeper_lock.ts";

function inFolder(fn: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    fn(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a folder has one keeper at a time, and a second is told whose it is", () => {
  inFolder((folder) => {
    const lock = lockKeeper(folder, "1.2.3");
    const error = assertThrows(() => lockKeeper(folder, "1.2.3"), IrisError);
    assertEquals(error.message, `The folder ${folder} has a keeper already (pid ${Deno.pid})`);
    const startTime = processStartTime(Deno.pid);
    assertEquals(liveKeeper(folder), {
      ...{ pid: Deno.pid, startTime, boot: bootId(), version: "1.2.3" },
    });
    lock.release();
    assertEquals([liveKeeper(folder), readKeeperNote(folder)], [null, null]);
    lockKeeper(folder, "1.2.3").release();
  });
});

Deno.test("a process with the pid of a keeper that is gone is not taken for it", () => {
  inFolder((folder) => {
    const note = {
      ...{ pid: Deno.pid, startTime: processStartTime(Deno.pid)!, boot: bootId(), version: "1" },
    };
    const write = (more: Partial<typeof note>) =>
      Deno.writeTextFileSync(`${folder}/keeper.lock`, JSON.stringify({ ...note, ...more }));
    write({});
    assertEquals(liveKeeper(folder)?.pid, Deno.pid);
    write({ startTime: note.startTime - 1 });
    assertEquals(liveKeeper(folder), null);
    write({ boot: "another" });
    assertEquals(liveKeeper(folder), null);
  });
});

Deno.test("a lock file that makes no sense names nobody", () => {
  inFolder((folder) => {
    for (const text of ["", "{", "[]", "null", '{"pid":1,"startTime":1}', '{"pid":"2"}']) {
      Deno.writeTextFileSync(`${folder}/keeper.lock`, text);
      assertEquals(readKeeperNote(folder), null, text);
    }
  });
});
