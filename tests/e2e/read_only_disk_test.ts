/** A controller whose disk becomes read-only, as ext4 does after an error: it serves on, and loses nothing. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { IrisClient } from "../../src/client/iris_client.ts";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { needs } from "../support/require.ts";

const ext4 = "ext4 on a loop device (root, e2fsprogs, mount)";

async function run(command: string, ...args: string[]) {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output()
    .catch(() => ({ success: false, stdout: new Uint8Array(), stderr: new Uint8Array() }));
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { success, stdout: text(stdout), stderr: text(stderr) };
}

/** A small disk of its own; what is not undone by the test goes with `[Symbol.asyncDispose]`. */
async function makeDisk(world: Pick<World, "dir">) {
  const image = `${world.dir}/disk.img`;
  const at = `${world.dir}/disk`;
  Deno.mkdirSync(at, { recursive: true });
  await Deno.writeFile(image, new Uint8Array());
  await Deno.truncate(image, 32 * 1024 * 1024);
  const made = await run("mkfs.ext4", "-qF", image);
  const { stdout: device, success } = await run("losetup", "-f", "--show", image);
  // A loop device remembers what an earlier user of it was.
  const writable = await run("blockdev", "--setrw", device);
  const usable = made.success && success && writable.success;
  const mount = () => run("mount", "-o", "errors=remount-ro", device, at);
  const unmount = () => run("umount", at);
  return {
    at,
    ready: usable && (await mount()).success,
    /** Makes the file system find an error, as a bad block would. */
    fail: () =>
      Deno.writeTextFile(`/sys/fs/ext4/${device.split("/").at(-1)}/trigger_fs_error`, "1"),
    /** What an administrator does: check it, and mount it again. */
    async repair() {
      await unmount();
      await run("fsck.ext4", "-y", device);
      assertEquals((await mount()).success, true);
    },
    async [Symbol.asyncDispose]() {
      await unmount();
      if (device !== "") await run("losetup", "-d", device);
    },
  };
}

async function canMakeDisks(): Promise<boolean> {
  const dir = await Deno.makeTempDir({ prefix: "iris-disk-" });
  try {
    await using disk = await makeDisk({ dir });
    return disk.ready;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test({
  name: "a controller whose disk becomes read-only refuses new work, serves on, and loses nothing",
  ...await needs(ext4, canMakeDisks),
  async fn() {
    using world = makeWorld();
    await using disk = await makeDisk(world);
    const stateDir = `${disk.at}/state`;
    const start = () =>
      startIris(world, ["--mode=controller", "--port=0", `--state-dir=${stateDir}`]);
    const first = start();
    const client = await clientOf({ ...world, stateDir }, first);
    const [url] = await first.printed(/http:\S+/, 1_000);
    const kept = (await client.submit({ argv: ["true"], name: "kept" })).name;
    await disk.fail();
    const token = Deno.readTextFileSync(`${stateDir}/token`).trim();
    // Whose submit is under way when the disk says no hears nothing until it says yes.
    const impatient = new IrisClient({ url, token, user: "u", timeoutMs: 1_000 });
    await assertRejects(() => impatient.submit({ argv: ["true"], name: "lost" }), IrisError);
    const refused = await assertRejects(() => client.submit({ argv: ["true"] }), IrisError);
    assertEquals(refused.code, "storage_full");
    assertEquals((await client.job(kept)).state, "PENDING", "it reads on");
    const health = await fetch(`${url}/healthz`);
    assertEquals(health.status, 503);
    assertMatch(await health.text(), /could not be written/);
    Deno.kill(first.pid, "SIGTERM");
    const { code } = await first.ended;
    assertEquals(code, 1, first.output().stderr);
    assertMatch(first.output().stderr, /could not be written/);
    assertEquals(first.output().stderr.includes("    at "), false, first.output().stderr);

    const readOnly = start();
    assertEquals((await readOnly.ended).code, 1);
    assertEquals(readOnly.output().stderr.trimEnd().split("\n").length, 1);
    assertMatch(readOnly.output().stderr, /[Rr]ead-only/);

    await disk.repair();
    const second = start();
    const again = await clientOf({ ...world, stateDir }, second);
    const names = (await again.jobs({ limit: 10 })).map(({ name }) => name);
    assert(names.includes(kept), `${kept} was acknowledged and is lost`);
    assertEquals((await again.submit({ argv: ["true"], name: "later" })).state, "PENDING");
    Deno.kill(second.pid, "SIGTERM");
    assertEquals((await second.ended).code, 0);
  },
});
