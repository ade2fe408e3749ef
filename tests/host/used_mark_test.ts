import { assertEquals } from "@std/assert";
import { setUsedMark } from "../../src/host/used_mark.ts";

Deno.test("a version that runs sets its mark, and none is made where there was none", () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-mark-" });
  try {
    const now = new Date("2026-01-02T03:04:05Z");
    setUsedMark(`${folder}/deno`, now);
    assertEquals([...Deno.readDirSync(folder)], []);
    Deno.writeTextFileSync(`${folder}/.used`, "");
    setUsedMark(`${folder}/deno`, now);
    assertEquals(Deno.statSync(`${folder}/.used`).mtime, now);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
