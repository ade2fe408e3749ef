import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { engineProblem, engineVersion, findEngine } from "../../src/host/container_engine.ts";

/** A folder with commands that print something, as the PATH. */
function withCommands(
  commands: Readonly<Record<string, string>>,
  fn: (env: (name: string) => string | undefined, folder: string) => void | Promise<void>,
) {
  return async () => {
    const folder = Deno.makeTempDirSync({ prefix: "iris-engine-" });
    try {
      for (const [name, says] of Object.entries(commands)) {
        Deno.writeTextFileSync(`${folder}/${name}`, `#!/bin/sh\n${says}\n`, { mode: 0o755 });
      }
      const env: Record<string, string> = { PATH: folder, DOCKER_HOST: "unix:/x", SECRET: "y" };
      await fn((name) => env[name], folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

const BOTH = { docker: "echo Docker version 24.0.5, build x", podman: "echo podman version 4.3.1" };

Deno.test(
  "podman is taken before docker, and any that is named before both",
  withCommands({ ...BOTH, other: "exit 1" }, async (env, folder) => {
    const found = findEngine("auto", env)!;
    assertEquals(found, {
      path: `${folder}/podman`,
      env: { PATH: folder, DOCKER_HOST: "unix:/x" },
    });
    assertEquals(await engineVersion(found), "podman 4.3.1");
    assertEquals(await engineVersion(findEngine("docker", env)!), "docker 24.0.5");
    const other = findEngine(`${folder}/other`, env)!;
    assertEquals(await engineVersion(other), "other", "one that does not say its version");
  }),
);

Deno.test(
  "docker without a daemon is of no use, and its own words say why; podman needs none",
  withCommands({
    docker:
      `if [ "$1" = version ]; then printf 'Client:\\n 1\\n'; echo 'no daemon' >&2; exit 1; fi`,
    podman: "exit 1",
  }, async (env) => {
    assertEquals(await engineProblem(findEngine("docker", env)!), "no daemon");
    assertEquals(await engineProblem(findEngine("podman", env)!), null);
  }),
);

Deno.test(
  "a docker whose daemon answers has no problem",
  withCommands(BOTH, async (env) => {
    assertEquals(await engineProblem(findEngine("docker", env)!), null);
  }),
);

Deno.test(
  "without an engine there is none, and one that was named and is not there is a mistake",
  withCommands({}, (env) => {
    assertEquals(findEngine("auto", env), null);
    assertEquals(findEngine("none", env), null);
    const error = assertThrows(() => findEngine("podman", env), IrisError);
    assertEquals(error.message, 'Invalid --container-engine: there is no command "podman"');
  }),
);
