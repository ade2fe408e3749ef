/**
 * A container engine that works on this machine, with a tiny image: busybox, and nothing else. The
 * image stays for the next run, like any that was fetched.
 */
import { findEngine, type FoundEngine } from "../../src/host/container_engine.ts";
import type { ContainerEngine } from "../../src/runtimes/task_runtime.ts";
import { type Need, needs } from "./require.ts";

/** The image's name. */
export const TEST_IMAGE = "localhost/iris-test-busybox:4";
const APPLETS = [
  ...["sh", "cat", "echo", "env", "ls", "sleep", "true", "wc", "kill", "setsid", "stty", "touch"],
  ...["head", "yes"],
];
/** What a host needs whose kernel or rights are unusual: tried when it does not work without. */
const ARGUMENTS = [
  [],
  ["--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"],
];

let found: Promise<ContainerEngine | null> | null = null;

/** The engine, or null when there is none that can run the image. */
export function testEngine(): Promise<ContainerEngine | null> {
  return found ??= findWorking();
}

/** What tests of containers need. */
export function needsContainers(): Promise<Need> {
  return needs(
    "containers (podman, runc, busybox-static)",
    async () => await testEngine() !== null,
  );
}

/** Names of the containers of a worker that there are; `running`: and that the engine says run. */
export async function containersOf(
  workerUid: string,
  { running = false, engine }: { running?: boolean; engine?: ContainerEngine } = {},
): Promise<string[]> {
  const filter = ["--filter", `label=iris.worker=${workerUid}`, "--format", "{{.Names}}"];
  return await listContainers([...(running ? [] : ["--all"]), ...filter], engine);
}

/** The names of all containers whose command holds a text. */
export async function containersRunning(text: string): Promise<string[]> {
  const lines = await listContainers([
    "--all",
    "--no-trunc",
    "--format",
    "{{.Names}} {{.Command}}",
  ]);
  return lines.filter((line) => line.includes(text)).map((line) => line.split(" ")[0]!);
}

async function listContainers(args: string[], of?: ContainerEngine): Promise<string[]> {
  const engine = of ?? await testEngine();
  if (engine === null) return [];
  const { path, env } = engine;
  const { stdout } = await new Deno.Command(path, { args: ["ps", ...args], env }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

async function findWorking(): Promise<ContainerEngine | null> {
  const engine = findEngine("auto", (name) => Deno.env.get(name));
  return engine === null ? null : await madeToWork(engine);
}

/** An engine with the arguments that it needs here, and the image; null when it runs nothing. */
export async function madeToWork(engine: FoundEngine): Promise<ContainerEngine | null> {
  await makeImage(engine);
  for (const args of ARGUMENTS) {
    const { success } = await new Deno.Command(engine.path, {
      args: ["run", "--rm", "--network=host", ...args, TEST_IMAGE, "true"],
      env: engine.env,
      stdout: "null",
      stderr: "null",
    }).output();
    if (success) return { ...engine, args };
  }
  return null;
}

async function makeImage({ path, env }: FoundEngine): Promise<void> {
  const there = await new Deno.Command(path, {
    args: ["image", "inspect", TEST_IMAGE],
    env,
    stdout: "null",
    stderr: "null",
  }).output();
  if (there.success) return;
  const folder = Deno.makeTempDirSync({ prefix: "iris-image-" });
  try {
    Deno.mkdirSync(`${folder}/root/bin`, { recursive: true });
    Deno.mkdirSync(`${folder}/root/tmp`);
    Deno.copyFileSync("/bin/busybox", `${folder}/root/bin/busybox`);
    for (const name of APPLETS) Deno.symlinkSync("busybox", `${folder}/root/bin/${name}`);
    await new Deno.Command("tar", {
      args: ["-C", `${folder}/root`, "-cf", `${folder}/image.tar`, "."],
    }).output();
    // Docker says nothing else either way, and knows no flag for it.
    await new Deno.Command(path, {
      args: ["import", `${folder}/image.tar`, TEST_IMAGE],
      env,
      stdout: "null",
      stderr: "null",
    }).output();
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
