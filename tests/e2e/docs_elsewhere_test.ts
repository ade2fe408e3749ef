/**
 * Blocks of pages that need a controller elsewhere, to the letter but for its address: "With a controller
 * elsewhere" of docs/howto/vm-manager.md, "How somebody is given access" of docs/SECURITY.md.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { docBlocks } from "../support/doc_blocks.ts";
import { DocReader } from "../support/doc_reader.ts";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

const PAGE = fromFileUrl(new URL("../../docs/howto/vm-manager.md", import.meta.url));
const SECURITY = fromFileUrl(new URL("../../docs/SECURITY.md", import.meta.url));
const UP_MS = 90_000;

/** A controller with a certificate of its own, whose files lie in the world's folder. */
async function startController(world: World) {
  const controller = startIris(world, [
    ...["--mode=controller", "--host=127.0.0.1", "--port=0", "--tls-self-signed"],
    `--state-dir=${world.stateDir}`,
  ]);
  const [, address = ""] = await controller.printed(/https:\/\/(127\.0\.0\.1:\d+)/, UP_MS);
  for (const name of ["tls-cert.pem", "worker-token"]) {
    Deno.copyFileSync(`${world.stateDir}/${name}`, `${world.dir}/${name}`);
  }
  return { controller, address };
}

Deno.test({
  name: "what the page says about a VM manager with a controller elsewhere works to the letter",
  ...inGate(),
  async fn() {
    using world = makeWorld();
    const blocks = docBlocks("vm-manager.md", Deno.readTextFileSync(PAGE));
    const config = blocks.find(({ language }) => language === "yaml")!.text;
    const command = blocks.find(({ section }) => section === "With a controller elsewhere")!.text;
    const { controller, address } = await startController(world);
    Deno.writeTextFileSync(`${world.dir}/iris.yaml`, config);
    const words = command.replaceAll("\\\n", "").replace("10.0.0.1:10000", address).trim();
    const manager = startIris(world, words.split(/\s+/).slice(1));
    const run = startIris(world, ["job", "run", "--", "sh", "-c", "echo on $IRIS_WORKER"]);
    const { code } = await run.ended;
    assertEquals(code, 0, run.output().stderr + manager.output().stderr);
    assertMatch(run.output().stdout, /on cpu-0/);
    for (const process of [manager, controller]) {
      Deno.kill(process.pid, "SIGTERM");
      assertEquals((await process.ended).code, 0, process.output().stderr);
    }
    assertEquals(world.survivors(), []);
  },
});

Deno.test({
  name: "what the page says about giving somebody access works to the letter",
  ...inGate(),
  async fn() {
    using world = makeWorld();
    const { controller, address } = await startController(world);
    const worker = startIris(world, [
      ...["--mode=worker", "--controller", `https://${address}`, "--tls-ca", "tls-cert.pem"],
      ...["--token-file", "worker-token"],
    ]);
    await worker.printed(/worker \S+ http/, UP_MS);
    const reader = new DocReader(world);
    Deno.copyFileSync(`${world.dir}/tls-cert.pem`, `${world.dir}/here/tls-cert.pem`);
    const blocks = docBlocks("SECURITY.md", Deno.readTextFileSync(SECURITY)).filter(({ section }) =>
      section === "How somebody is given access"
    );
    assertEquals(blocks.map(({ language }) => language), ["sh", "sh"]);
    for (const block of blocks) {
      const text = block.text.replaceAll("10.0.0.1:10000", address);
      await reader.follow({ ...block, text }, null);
    }
    for (const process of [worker, controller]) {
      Deno.kill(process.pid, "SIGTERM");
      assertEquals((await process.ended).code, 0, process.output().stderr);
    }
    assertEquals(world.survivors(), []);
  },
});
