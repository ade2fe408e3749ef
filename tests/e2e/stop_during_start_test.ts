import { assert, assertEquals } from "@std/assert";
import { makeWorld, startIris } from "../support/iris_process.ts";
import { BUDGET_MS } from "./stop_cell.ts";

/** Moments of a start, from before the first line of code to when everything is up, in ms. */
const MOMENTS_MS = [60, 100, 140, 180, 220, 260, 300, 340, 400, 500];

for (const afterMs of MOMENTS_MS) {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.test(`a ${signal} ${afterMs} ms into the start unwinds it and leaves nothing`, async () => {
      using world = makeWorld();
      const process = startIris(world, [
        ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
        `--stop-timeout=${BUDGET_MS}ms`,
      ]);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const from = performance.now();
      Deno.kill(process.pid, signal);
      const { code, atMs } = await process.ended;
      assertEquals(world.survivors(), [], process.output().stderr);
      assertEquals(world.tempEntries(), []);
      assert(atMs - from <= BUDGET_MS + 100, `took ${atMs - from} ms`);
      // Before our listeners are there, the signal itself ends the process.
      const bySignal = signal === "SIGTERM" ? 143 : 130;
      assert(code === 0 || code === bySignal, `exit code ${code}: ${process.output().stderr}`);
    });
  }
}
