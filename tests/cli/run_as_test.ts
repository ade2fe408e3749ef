import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { openTo, runAsOf } from "../../src/cli/parts/run_as.ts";

const NOBODY = { uid: 65_534, gid: 65_534, user: "nobody", home: "/" };

Deno.test("only root may run tasks as others, and says so in one line", () => {
  const error = assertThrows(() => runAsOf("nobody", 1000), IrisError);
  assertEquals(
    error.message,
    "Invalid --run-as: only a worker that runs as root can run tasks as others",
  );
  assertEquals([error.code, error.field], ["usage", "--run-as"]);
  assertEquals(runAsOf(undefined, 1000), undefined);
});

Deno.test("a worker's folders let the user pass and list nothing, and one above may refuse", async () => {
  const root = await Deno.makeTempDir();
  try {
    const above = [root, root.slice(0, root.lastIndexOf("/"))];
    // The folder of all stays as it is: it is not this test's.
    for (const path of above) if (path !== "/tmp") await Deno.chmod(path, 0o711);
    const state = `${root}/above/state`;
    const folder = `${state}/workers/w0`;
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await Deno.chmod(`${root}/above`, 0o700);
    const error = assertThrows(() => openTo(NOBODY, { state, folder }), IrisError);
    assertEquals(
      error.message,
      `Invalid --run-as: nobody cannot pass ${root}/above to ${folder}: give another --state-dir`,
    );
    await Deno.chmod(`${root}/above`, 0o711);
    openTo(NOBODY, { state, folder });
    for (const path of [state, `${state}/workers`, folder]) {
      assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o711);
    }
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
