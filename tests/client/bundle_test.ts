import { assertEquals, assertRejects } from "@std/assert";
import { hashOf, packFolder } from "../../src/archive/pack.ts";
import { scanFolder } from "../../src/archive/scan_folder.ts";
import { IrisError } from "../../src/base/errors.ts";
import { bundleOf } from "../../src/client/bundle.ts";

Deno.test("files have the hash of a folder with these files, in whatever order they are named", async () => {
  const files = {
    ...{ "b.ts": "1", "a/z.txt": "€", "a.ts": "", "a/b/deep.bin": new Uint8Array(600).fill(7) },
    [`long/${"x".repeat(120)}/é`]: "a path that needs a header of its own",
  };
  const folder = Deno.makeTempDirSync({ prefix: "iris-bundle-" });
  try {
    for (const [path, content] of Object.entries(files)) {
      Deno.mkdirSync(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      Deno.writeFileSync(`${folder}/${path}`, bytes);
    }
    const entries = scanFolder(folder, { rules: null, onProblem: () => {} });
    const expected = await hashOf(ReadableStream.from(packFolder(folder, entries)));
    assertEquals((await bundleOf(files)).hash, expected);
    const turned = Object.fromEntries(Object.entries(files).toReversed());
    assertEquals((await bundleOf(turned)).hash, expected);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a path that leads elsewhere, or through a file, is refused by its name", async () => {
  for (const path of ["/etc/passwd", "../a", "a//b", ""]) {
    const error = await assertRejects(() => bundleOf({ [path]: "" }), IrisError);
    assertEquals([error.code, error.field], ["invalid", `files.${path}`]);
  }
  const error = await assertRejects(() => bundleOf({ "a": "", "a/b": "" }), IrisError);
  assertEquals(error.field, "files.a");
});
