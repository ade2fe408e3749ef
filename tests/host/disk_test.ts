import { assert, assertEquals, assertThrows } from "@std/assert";
import { diskBytes, diskFacts, diskNow } from "../../src/host/disk.ts";

async function fromDf(folder: string, field: string): Promise<number> {
  const args = ["-B1", `--output=${field}`, folder];
  const { stdout } = await new Deno.Command("df", { args }).output();
  return Number(new TextDecoder().decode(stdout).split("\n")[1]);
}

Deno.test("a disk has the size and the inodes that df says it has", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const facts = diskFacts(folder);
    assert(facts !== null);
    assertEquals(facts.bytes, await fromDf(folder, "size"));
    assertEquals(facts.inodes, await fromDf(folder, "itotal"));
    assertEquals(diskBytes(folder), facts.bytes);
    assert(facts.availableBytes <= facts.freeBytes && facts.freeBytes <= facts.bytes);
    const { usedBytes, totalBytes } = diskNow(folder);
    assert(usedBytes > 0 && usedBytes <= totalBytes);
  } finally {
    Deno.removeSync(folder);
  }
});

Deno.test("of a folder that is not there no disk can be told", () => {
  assertEquals(diskBytes("/nonexistent/folder"), null);
  assertThrows(() => diskFacts("/nonexistent/folder"), Deno.errors.NotFound);
});
