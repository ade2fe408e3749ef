/**
 * A docker daemon of the tests' own, for as long as one test file runs: its data, its socket and its
 * containerd are in a folder that goes with it, and nothing of the host's network is touched.
 */
import { findEngine } from "../../src/host/container_engine.ts";
import type { ContainerEngine } from "../../src/runtimes/task_runtime.ts";
import { hasCommand, inGate, type Need, needs } from "./require.ts";
import { madeToWork } from "./test_engine.ts";

/** The longest that the daemon may take to answer, and to end, in ms. */
const LIMIT_MS = 20_000;

/** A daemon that runs, and how it is used. */
export interface TestDocker {
  readonly engine: ContainerEngine;
  /** Ends the daemon and removes what it had. */
  stop(): Promise<void>;
}

/** Starts a daemon, in the gate; null where there is none, or where it can run nothing. */
export async function startDocker(): Promise<{ need: Need; docker: TestDocker | null }> {
  let docker: TestDocker | null = null;
  if (inGate().ignore) return { need: inGate(), docker };
  const need = await needs("docker (docker.io, runc, busybox-static)", async () => {
    docker = await start();
    return docker !== null;
  });
  return { need, docker };
}

async function start(): Promise<TestDocker | null> {
  if (Deno.uid() !== 0 || !await hasCommand("dockerd")) return null;
  const folder = Deno.makeTempDirSync({ prefix: "iris-dockerd-" });
  const host = `unix://${folder}/socket`;
  const daemon = new Deno.Command("dockerd", {
    args: [
      ...[`--data-root=${folder}/data`, `--exec-root=${folder}/exec`],
      ...[`--pidfile=${folder}/pid`, `--host=${host}`, "--storage-driver=vfs"],
      ...["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"],
    ],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).spawn();
  // A run that ends before its last test must not leave it behind.
  const leave = () => daemon.kill("SIGTERM");
  globalThis.addEventListener("unload", leave);
  const stop = async () => {
    globalThis.removeEventListener("unload", leave);
    const late = setTimeout(() => daemon.kill("SIGKILL"), LIMIT_MS);
    daemon.kill("SIGTERM");
    await daemon.status;
    clearTimeout(late);
    await unmountBelow(folder);
    Deno.removeSync(folder, { recursive: true });
  };
  const variables: Record<string, string | undefined> = {
    ...Deno.env.toObject(),
    DOCKER_HOST: host,
  };
  const found = findEngine("docker", (name) => variables[name]);
  const engine = found !== null && await answers(found) ? await madeToWork(found) : null;
  if (engine !== null) return { engine, stop };
  await stop();
  return null;
}

/** What the daemon mounts for the host's network it leaves mounted. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .map((line) => line.split(" ")[4] ?? "").filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.reverse()) {
    await new Deno.Command("umount", { args: ["--lazy", path] }).output();
  }
}

async function answers({ path, env }: { path: string; env: Readonly<Record<string, string>> }) {
  const giveUp = performance.now() + LIMIT_MS;
  while (performance.now() < giveUp) {
    const { success } = await new Deno.Command(path, {
      ...{ args: ["version"], env, stdout: "null", stderr: "null" },
    }).output();
    if (success) return true;
  }
  return false;
}
