/** The single file for arm64, run by an emulator: slow, and every one of its calls is a real one. */
import { assertEquals, assertMatch } from "@std/assert";
import { compileIris } from "../../scripts/compile.ts";
import { ROOT } from "../../scripts/lint/place.ts";
import { ARM64_ENV, canRunArm64, ON_ARM64 } from "../support/arm64.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";

const ARM64 = inGate(
  await needs(
    "an emulator of arm64 (qemu-user, libc6-arm64-cross, libgcc-s1-arm64-cross, Linux 6.7)",
    canRunArm64,
  ),
);
const TARGET = "aarch64-unknown-linux-gnu";
const UP_MS = 150_000;

Deno.test({
  name:
    "the file for arm64 unpacks itself there, and its worker runs a task of a controller elsewhere",
  ...ARM64,
  async fn() {
    const made = await compileIris({
      ...{ kind: "self-extracting", target: TARGET, out: `${ROOT}/dist/.test` },
    });
    using world = makeWorld();
    const env = { ...ARM64_ENV, XDG_CACHE_HOME: `${world.dir}/cache` };
    const on = { command: ON_ARM64 };
    const version = startIris(world, ["version", "--json"], { program: made.file, on, env });
    assertEquals((await version.ended).code, 0, version.output().stderr);
    const facts = JSON.parse(version.output().stdout);
    assertEquals([facts.target, facts.kind, facts.deno], [
      ...[TARGET, "self-extracting", Deno.version.deno],
    ]);
    const controller = startIris(world, [
      ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
    ]);
    const [, url = ""] = await controller.printed(/^(http:\/\/\S+)$/m, UP_MS);
    const worker = startIris(world, [
      ...["--mode=worker", "--name=arm", `--controller=${url}`, "--stop-timeout=60s"],
      ...[`--state-dir=${world.dir}/worker`, `--token-file=${world.stateDir}/worker-token`],
    ], { program: made.file, on, env });
    await worker.printed(/^worker arm http:/m, UP_MS);
    // The keeper is that program again, by its own path; it starts tasks by calls of the C library.
    const job = startIris(world, ["job", "run", "--", "sh", "-c", "echo pid $$; exit 7"]);
    await job.printed(/\| pid \d+/, UP_MS);
    assertMatch(await job.ended.then(() => job.output().stderr), /task 0 exited with 7/);
    Deno.kill(worker.pid, "SIGTERM");
    assertEquals((await worker.ended).code, 0, worker.output().stderr);
    assertMatch(worker.output().stderr, /stopped cleanly/);
    Deno.kill(controller.pid, "SIGTERM");
    assertEquals((await controller.ended).code, 0);
    assertEquals(world.survivors(), []);
  },
});
