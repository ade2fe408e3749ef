import { testContainerExec } from "../contracts/container_exec.ts";
import { needsContainers, testEngine } from "../support/test_engine.ts";

testContainerExec({
  name: "podman",
  need: await needsContainers(),
  engine: async () => (await testEngine())!,
});
