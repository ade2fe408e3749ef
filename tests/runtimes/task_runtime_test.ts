import { fromFileUrl } from "../../src/base/file_url.ts";
import { selfCommand, selfEnvironment } from "../../src/host/self_command.ts";
import { containerRuntime } from "../../src/runtimes/container/container_runtime.ts";
import { moduleRuntime } from "../../src/runtimes/module/module_runtime.ts";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import { SCRIPTS, testTaskRuntime } from "../contracts/task_runtime.ts";
import { inGate } from "../support/require.ts";
import { containersOf, needsContainers, TEST_IMAGE, testEngine } from "../support/test_engine.ts";

const MODULE = fromFileUrl(new URL("../support/modules/contract.ts", import.meta.url));

testTaskRuntime({
  runtime: processRuntime,
  program: (program, tag) => {
    // A shell that a signal ended would make an exit code of it.
    if (program === "dies") return { argv: ["/bin/sh", "-c", "kill -9 $$"] };
    if (program === "missing") return { argv: ["no-such-command-7"] };
    return { argv: ["/bin/sh", "-c", SCRIPTS[program].replaceAll("TAG", tag)] };
  },
  killed: "signal",
  refusal: /^Command not found: no-such-command-7$/,
});

testTaskRuntime({
  runtime: moduleRuntime({ command: selfCommand(["--frozen"]), env: selfEnvironment() }),
  program: (program, tag) => ({ module: { file: MODULE, export: program, args: { tag } } }),
  killed: "signal",
  refusal: /contract\.ts has no function missing: it exports .*\bexits\b/,
  refusesItself: true,
});

// Each of its tasks is a container: that takes its time.
const need = inGate(await needsContainers());

testTaskRuntime({
  runtime: containerRuntime,
  facts: { containers: need.ignore ? null : await testEngine() },
  program: (program, tag) => ({
    container: { image: program === "missing" ? "localhost/iris-no-such-image" : TEST_IMAGE },
    argv: program === "missing" ? ["true"] : ["sh", "-c", SCRIPTS[program].replaceAll("TAG", tag)],
  }),
  // The engine tells it by the code alone.
  killed: "exit",
  refusal: /iris-no-such-image/,
  need,
  left: (uid) => containersOf(uid),
});
