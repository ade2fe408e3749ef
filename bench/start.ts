/** The whole command `job run --local -- true`, from fork to exit. */
import { makeWorld, startIris } from "../tests/support/iris_process.ts";
import { type Figure, figure } from "./figure.ts";

/** Runs the command and, in turn, an empty Deno program, which is the floor. */
export async function benchStart(runs: number): Promise<Figure[]> {
  const whole: number[] = [];
  const empty: number[] = [];
  for (let run = 0; run <= runs; run++) {
    using world = makeWorld();
    const from = performance.now();
    const process = startIris(world, ["job", "run", "--local", "--", "true"]);
    const { code, atMs } = await process.ended;
    if (code !== 0) throw new Error(`exit code ${code}: ${process.output().stderr}`);
    const emptyMs = await emptyProgram();
    // The first run warms the caches of code and files.
    if (run > 0) {
      whole.push(atMs - from);
      empty.push(emptyMs);
    }
  }
  return [
    figure({ name: "job run --local -- true", unit: "ms", target: "<= 600" }, whole),
    figure({ name: "an empty Deno program", unit: "ms", target: "(floor)" }, empty),
  ];
}

async function emptyProgram(): Promise<number> {
  const from = performance.now();
  await new Deno.Command(Deno.execPath(), { args: ["eval", ""] }).output();
  return performance.now() - from;
}
