/** A local cluster as a process of the one file, by the `iris.yaml` that lies beside it. */
import type { World } from "./iris_process.ts";
import { within } from "./until.ts";

/** How a cluster ended. */
export interface Ended {
  readonly code: number;
  readonly text: string;
}

/** A cluster that is up. */
export interface FileCluster {
  readonly pid: number;
  readonly url: string;
  /** All that it said until now. */
  readonly text: string;
  ended(): Promise<Ended>;
}

/** Starts `./iris --mode=local` in the folder of a world, and waits until it has its address. */
export async function fileClusterUp(world: World, upMs: number): Promise<FileCluster> {
  const child = new Deno.Command("./iris", {
    args: ["--mode=local", "--config", "iris.yaml", "--port=0"],
    ...{ cwd: world.dir, env: world.env, clearEnv: true },
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
  }).spawn();
  let text = "";
  const reading = [child.stdout, child.stderr].map(async (stream) => {
    for await (const piece of stream.pipeThrough(new TextDecoderStream())) text += piece;
  });
  const url = () => /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
  await within(upMs)(() => url() !== undefined, "the cluster is up");
  return {
    pid: child.pid,
    url: url()!,
    get text() {
      return text;
    },
    async ended() {
      const { code } = await child.status;
      await Promise.all(reading);
      return { code, text };
    },
  };
}
