import { assertEquals, assertMatch } from "@std/assert";
import { hostProblem } from "../../src/host/host_health.ts";
import { needs } from "../support/require.ts";

/** Mounts a small file system, if this user may. */
async function mount(folder: string, options: string): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", options, "tmpfs", folder];
  return (await new Deno.Command("mount", { args, stderr: "null" }).output()).success;
}

async function unmount(folder: string): Promise<void> {
  await new Deno.Command("umount", { args: [folder], stderr: "null" }).output();
}

const TMPFS = await needs("the right to mount (root)", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-probe-" });
  const may = await mount(folder, "size=1m");
  if (may) await unmount(folder);
  Deno.removeSync(folder);
  return may;
});

Deno.test("a folder on a disk with room is well, and the look leaves nothing in it", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-health-" });
  try {
    assertEquals(await hostProblem(folder), null);
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    Deno.removeSync(folder);
  }
});

Deno.test("a folder that is gone is said to be so", async () => {
  assertMatch((await hostProblem("/no/such/folder"))!, /\/no\/such\/folder cannot be looked at/);
});

Deno.test({
  name: "a disk that runs full is said so before nothing fits any more, and recovers",
  ...TMPFS,
  async fn() {
    const folder = Deno.makeTempDirSync({ prefix: "iris-health-" });
    await mount(folder, "size=16m");
    try {
      assertEquals(await hostProblem(folder), null);
      Deno.writeFileSync(`${folder}/big`, new Uint8Array(15.5 * 2 ** 20));
      assertMatch(
        (await hostProblem(folder))!,
        /the disk of .* is full: \d MiB of 16 MiB are free/,
      );
      Deno.removeSync(`${folder}/big`);
      assertEquals(await hostProblem(folder), null);
    } finally {
      await unmount(folder);
      Deno.removeSync(folder);
    }
  },
});

Deno.test({
  name: "a disk without inodes, and one that cannot be written, are named as what they are",
  ...TMPFS,
  async fn() {
    const folder = Deno.makeTempDirSync({ prefix: "iris-health-" });
    await mount(folder, "size=16m,nr_inodes=20");
    try {
      for (let at = 0; at < 19; at++) Deno.writeTextFileSync(`${folder}/${at}`, "");
      assertMatch((await hostProblem(folder))!, /no inodes left: 0 of 20/);
      await unmount(folder);
      await mount(folder, "size=16m,ro");
      assertMatch((await hostProblem(folder))!, /cannot be written: .*[Rr]ead-only/);
    } finally {
      await unmount(folder);
      Deno.removeSync(folder);
    }
  },
});
