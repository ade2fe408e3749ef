/** A store as a controller leaves it that ran a hundred thousand tasks. Made by the bench of HTTP. */
import { ClusterState } from "../src/controller/cluster_state.ts";
import { passInput } from "../src/controller/pass_input.ts";
import { Reactor } from "../src/controller/reactor.ts";
import type { Now } from "../src/controller/turn.ts";
import { place } from "../src/scheduler/place.ts";
import { openStore } from "../src/store/open_store.ts";
import { parseJobSpec } from "../src/wire/job_spec.ts";
import { sampleRegistration } from "../tests/support/core_world.ts";
import { SimWorker } from "../tests/support/sim_worker.ts";

/** Writes jobs `/load/job-0` and on, each with so many tasks that ended, a row for each. */
export function fillStore(path: string, of: { jobs: number; tasks: number }): void {
  const { writer } = openStore({ path, clusterId: "bench" });
  try {
    const reactor = new Reactor(new ClusterState());
    const worker = new SimWorker("filler", 1_000);
    const now = (): Now => ({ wallMs: Date.now(), monoMs: performance.now() });
    const request = sampleRegistration("filler", { cpuMilli: 1_000_000, memoryBytes: 1e15 });
    reactor.react({ type: "register", id: 0, request }, now());
    for (let n = 0; n < of.jobs; n++) {
      const given = { name: `job-${n}`, argv: ["true"], replicas: of.tasks };
      const spec = parseJobSpec(given, { user: "load" });
      const more = { stored: new Map(), mark: null, marked: null };
      reactor.react({ type: "submit", id: n + 1, spec, ...more }, now());
    }
    for (let done = false; !done;) {
      const effects = reactor.take(now());
      if (effects.store !== null) writer.write(effects.store);
      done = reactor.state.jobs.size === 0;
      for (const desired of effects.desired) {
        worker.apply(desired, { atMs: now().wallMs });
        worker.runAll(now().wallMs, { apart: true });
        reactor.react({ type: "observed", observed: worker.observed() }, now());
      }
      const input = passInput(reactor.state, now(), "best_fit");
      if (input !== null) reactor.react({ type: "placed", placement: place(input) }, now());
    }
  } finally {
    writer.close();
  }
}
