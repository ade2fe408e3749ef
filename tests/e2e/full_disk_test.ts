/** A controller on a disk that fills up: it keeps serving, refuses new work, and loses nothing. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { IrisError } from "../../src/base/errors.ts";
import { IrisClient } from "../../src/client/iris_client.ts";
import { makeWorld, type World } from "../support/iris_process.ts";
import { needs } from "../support/require.ts";
import { within } from "../support/until.ts";
import { canMount } from "../support/mounts.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));

/** A controller in a mount namespace of its own, its state on 3 MiB of memory. */
async function startOnSmallDisk(world: World) {
  const process = new Deno.Command("unshare", {
    args: [
      ...["-m", "sh", "-c", 'mount -t tmpfs -o size=3m small "$1" && shift && exec "$@"', "sh"],
      world.stateDir,
      ...[Deno.execPath(), "run", "-A", MAIN, "--mode=controller", "--port=0"],
      ...[`--state-dir=${world.stateDir}/state`],
    ],
    env: world.env,
    clearEnv: true,
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = process.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const url = new TextDecoder().decode(value).trim();
  // What is mounted there is seen from here through the process.
  const seen = `/proc/${process.pid}/root${world.stateDir}`;
  const token = Deno.readTextFileSync(`${seen}/state/token`).trim();
  const client = new IrisClient({ url, token, user: "u" });
  // Whose submit is under way when the disk fills up hears nothing until there is room.
  const impatient = new IrisClient({ url, token, user: "u", timeoutMs: 1_000 });
  return { process, seen, client, impatient, url };
}

function fill(path: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  for (const size of [65_536, 4_096, 1]) {
    const block = new Uint8Array(size);
    try {
      for (let n = 0; n < 100_000; n++) file.writeSync(block);
    } catch {
      // Full, for blocks of this size.
    }
  }
}

const until = within(10_000, 100);

Deno.test({
  name: "a controller whose disk is full refuses new work, serves on, and loses nothing",
  ...await needs("mount namespaces (root, unshare of util-linux)", canMount),
  async fn() {
    using world = makeWorld();
    const { process, seen, client, impatient, url } = await startOnSmallDisk(world);
    const health = async () => {
      const response = await fetch(`${url}/healthz`);
      return { status: response.status, body: await response.text() };
    };
    const first = await client.submit({ argv: ["true"], name: "first" });
    fill(`${seen}/filler`);
    // What the journal still had room for is taken; then the disk says no.
    const taken: string[] = [first.name];
    let refusal: unknown = null;
    for (let n = 0; n < 200 && refusal === null; n++) {
      try {
        const env = { PAD: "x".repeat(20_000) };
        taken.push((await impatient.submit({ argv: ["true"], name: `more${n}`, env })).name);
      } catch (error) {
        refusal = error;
      }
    }
    assert(refusal instanceof IrisError, String(refusal));
    const refused = await assertRejects(() => client.submit({ argv: ["true"] }), IrisError);
    assertEquals(refused.code, "storage_full");
    assertEquals((await client.job(first.name)).state, "PENDING", "it reads on");
    const ill = await health();
    assertEquals(ill.status, 503);
    assert(ill.body.includes("could not be written"), ill.body);

    Deno.removeSync(`${seen}/filler`);
    await until(async () => (await health()).status === 200);
    const later = await client.submit({ argv: ["true"], name: "later" });
    assertEquals(later.state, "PENDING");
    const names = (await client.jobs({ limit: 1_000 })).map(({ name }) => name);
    for (const name of taken) assert(names.includes(name), `${name} was acknowledged and is lost`);
    process.kill("SIGTERM");
    assertEquals((await process.status).code, 0);
    await process.stdout.cancel();
  },
});
