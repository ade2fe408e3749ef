/**
 * `dispatch`: no-op tasks through submit, store, schedule, reconcile, done. Reactor, store and
 * scheduler are the real ones, in one isolate; the worker is simulated and runs tasks in no time.
 * `apart` is the worst case: every task ends with a fact, and so with a row, of its own.
 */
import { systemClock } from "../src/base/clock.ts";
import { ClusterState } from "../src/controller/cluster_state.ts";
import { passInput } from "../src/controller/pass_input.ts";
import { Reactor } from "../src/controller/reactor.ts";
import type { Now } from "../src/controller/turn.ts";
import { place } from "../src/scheduler/place.ts";
import { openStore } from "../src/store/open_store.ts";
import { parseJobSpec } from "../src/wire/job_spec.ts";
import { SimWorker } from "../tests/support/sim_worker.ts";
import { type Figure, figure } from "./figure.ts";

const SIZES = [100_000, 1_000_000];
const CPU_MILLI = 2_000;

/** Runs the bench. */
export async function benchDispatch(runs: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [size, apart] of SIZES.flatMap((n) => [[n, false], [n, true]] as const)) {
    const rates: number[] = [];
    let rssMb = 0;
    for (let run = 0; run < runs; run++) {
      const ms = await dispatch(size, { apart });
      rates.push(size / (ms / 1_000));
      rssMb = Math.max(rssMb, Deno.memoryUsage().rss / 1_048_576);
    }
    const name = `${size}${apart ? " apart" : ""}`;
    const of = { name: `dispatch ${name}`, unit: "tasks/s", target: ">= 20000" };
    figures.push(figure(of, rates));
    figures.push(figure({ name: `memory ${name}`, unit: "MiB", target: "< 1500" }, [rssMb]));
  }
  return figures;
}

/** How long so many no-op tasks take, in ms. */
async function dispatch(tasks: number, { apart }: { apart: boolean }): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "iris-bench-" });
  const { writer } = openStore({ path: `${folder}/iris.db`, clusterId: "bench" });
  try {
    const reactor = new Reactor(new ClusterState());
    const worker = new SimWorker("w0", CPU_MILLI / 1_000);
    const now = (): Now => ({ wallMs: systemClock.wall(), monoMs: systemClock.now() });
    const info = {
      worker: "w0",
      url: "http://127.0.0.1:1",
      token: "t",
      cpuMilli: CPU_MILLI,
      memoryBytes: 1 << 30,
      resources: {},
      attributes: {},
      hostname: "bench",
      version: "0",
      pid: 1,
    };
    const spec = parseJobSpec({ name: "noop", argv: ["true"], replicas: tasks }, { user: "b" });
    const begin = performance.now();
    reactor.react({ type: "register", id: 1, request: info }, now());
    reactor.react(
      { type: "submit", id: 2, spec, stored: new Map(), mark: null, marked: null },
      now(),
    );
    for (let done = false; !done;) {
      const effects = reactor.take(now());
      if (effects.store !== null) writer.write(effects.store);
      done = reactor.state.jobs.size === 0;
      for (const desired of effects.desired) {
        // What a call costs beside the network: JSON both ways.
        worker.apply(JSON.parse(JSON.stringify(desired)), { atMs: now().wallMs });
        worker.runAll(now().wallMs, { apart });
        const observed = JSON.parse(JSON.stringify(worker.observed()));
        reactor.react({ type: "observed", observed }, now());
      }
      const input = passInput(reactor.state, now(), "best_fit");
      if (input !== null) reactor.react({ type: "placed", placement: place(input) }, now());
    }
    return performance.now() - begin;
  } finally {
    writer.close();
    await Deno.remove(folder, { recursive: true });
  }
}
