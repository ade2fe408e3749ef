/** The runtime `container` with docker: the same promises as with podman. */
import { assertMatch } from "@std/assert";
import { engineVersion } from "../../src/host/container_engine.ts";
import { containerRuntime } from "../../src/runtimes/container/container_runtime.ts";
import { testContainerExec } from "../contracts/container_exec.ts";
import { SCRIPTS, testTaskRuntime } from "../contracts/task_runtime.ts";
import { startDocker } from "../support/test_docker.ts";
import { containersOf, TEST_IMAGE } from "../support/test_engine.ts";

const { need, docker } = await startDocker();
Deno.test.afterAll(() => docker?.stop());

Deno.test({
  name: "docker says its version, and that it is docker",
  ...need,
  async fn() {
    assertMatch(await engineVersion(docker!.engine), /^docker \d+\./);
  },
});

testTaskRuntime({
  runtime: containerRuntime,
  facts: { containers: docker?.engine ?? null },
  program: (program, tag) => ({
    container: { image: program === "missing" ? "localhost/iris-no-such-image" : TEST_IMAGE },
    argv: program === "missing" ? ["true"] : ["sh", "-c", SCRIPTS[program].replaceAll("TAG", tag)],
  }),
  killed: "exit",
  refusal: /iris-no-such-image/,
  need,
  left: (uid) => containersOf(uid, { engine: docker!.engine }),
});

testContainerExec({
  name: "docker",
  need,
  engine: () => Promise.resolve(docker!.engine),
});
