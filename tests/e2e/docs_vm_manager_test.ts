/** docs/howto/vm-manager.md, "With a controller elsewhere": to the letter but for the address. */
import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { docBlocks } from "../support/doc_blocks.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

const PAGE = fromFileUrl(new URL("../../docs/howto/vm-manager.md", import.meta.url));
const UP_MS = 90_000;

Deno.test({
  name: "what the page says about a VM manager with a controller elsewhere works to the letter",
  ...inGate(),
  async fn() {
    using world = makeWorld();
    const blocks = docBlocks("vm-manager.md", Deno.readTextFileSync(PAGE));
    const config = blocks.find(({ language }) => language === "yaml")!.text;
    const command = blocks.find(({ section }) => section === "With a controller elsewhere")!.text;
    const controller = startIris(world, [
      ...["--mode=controller", "--host=127.0.0.1", "--port=0", "--tls-self-signed"],
      `--state-dir=${world.stateDir}`,
    ]);
    const [, address = ""] = await controller.printed(/https:\/\/(127\.0\.0\.1:\d+)/, UP_MS);
    for (const name of ["tls-cert.pem", "worker-token"]) {
      Deno.copyFileSync(`${world.stateDir}/${name}`, `${world.dir}/${name}`);
    }
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
