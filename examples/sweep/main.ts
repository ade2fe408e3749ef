/** Looks for the best parameters: a task for each point of a grid. See README.md beside this. */
import { Iris } from "iris/client";
import type { Point } from "./task.ts";

const RATES = [0.01, 0.1, 2.5];
const MOMENTA = [0, 0.9];

const abort = new AbortController();
Deno.addSignalListener("SIGINT", () => abort.abort());

const points = RATES.flatMap((rate) => MOMENTA.map((momentum): Point => ({ rate, momentum })));
const module = { file: new URL("./task.ts", import.meta.url) };
using iris = await Iris.connect();
let best: { readonly loss: number; readonly point: Point } | null = null;
for await (
  const { input, state, result } of iris.mapEnds(points, {
    ...{ module, name: "sweep", ifExists: "replace", cpuMilli: 100, signal: abort.signal },
  })
) {
  const loss = state === "SUCCEEDED" ? Number(result) : null;
  const at = `rate ${String(input.rate).padEnd(5)} momentum ${String(input.momentum).padEnd(4)}`;
  console.log(`${at} ${loss === null ? "diverged" : `loss ${loss.toFixed(6)}`}`);
  if (loss !== null && loss < (best?.loss ?? Infinity)) best = { loss, point: input };
}
console.log(`best: rate ${best?.point.rate}, momentum ${best?.point.momentum}`);
