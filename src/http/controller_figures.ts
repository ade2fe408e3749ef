/**
 * What is counted the moment somebody asks: workers, VMs and groups as the server shows them, and how
 * large the store is. Everything else was counted where it happened. Runs in the server isolate.
 */
import type { GaugeName } from "../base/metric_table.ts";
import { addedUp, type Figures, type Series } from "../base/metrics.ts";
import type { ControllerApi } from "../controller/controller_api.ts";
import type { ProcessFigures } from "../lifecycle/figures_channel.ts";
import type { WorkerView } from "../wire/api.ts";

/** Workers that count for the capacity. */
const WORKING: ReadonlySet<WorkerView["state"]> = new Set(["alive", "suspect"]);

/** What the controller's process counted, with what is only looked at now. */
export async function controllerFigures(
  api: Pick<ControllerApi, "workers" | "fleet">,
  of: { readonly figures: Pick<ProcessFigures, "all">; readonly database: string },
): Promise<Figures> {
  const [counted, store] = await Promise.all([of.figures.all(), storeSizes(of.database)]);
  const gauges = new Gauges();
  workerGauges(gauges, api.workers());
  fleetGauges(gauges, api.fleet);
  for (const [file, bytes] of store) gauges.add("iris_store_size_bytes", bytes, file);
  return addedUp([counted, gauges.figures()]);
}

/** Gauges of this one moment. */
class Gauges {
  readonly #gauges = new Map<GaugeName, Series[]>();

  add(name: GaugeName, value: number, ...labels: string[]): void {
    const known = this.#gauges.get(name) ?? [];
    known.push([labels, [value]]);
    this.#gauges.set(name, known);
  }

  figures(): Figures {
    return [...this.#gauges];
  }
}

function workerGauges(gauges: Gauges, workers: readonly WorkerView[]): void {
  for (const name of ["iris_workers_unplaceable", "iris_capacity_cpu_cores"] as const) {
    gauges.add(name, 0);
  }
  gauges.add("iris_capacity_memory_bytes", 0);
  gauges.add("iris_attempts", 0, "running");
  gauges.add("iris_attempts", 0, "waiting");
  for (const { state, reason, cpuMilli, memoryBytes, running, backlog } of workers) {
    gauges.add("iris_workers", 1, state);
    if (!WORKING.has(state)) continue;
    if (reason !== null) gauges.add("iris_workers_unplaceable", 1);
    gauges.add("iris_capacity_cpu_cores", cpuMilli / 1_000);
    gauges.add("iris_capacity_memory_bytes", memoryBytes);
    gauges.add("iris_attempts", running, "running");
    gauges.add("iris_attempts", backlog, "waiting");
  }
}

function fleetGauges(gauges: Gauges, fleet: ControllerApi["fleet"]): void {
  for (const { group, state } of fleet.vms({ gone: false })) {
    gauges.add("iris_vms", 1, group, state);
  }
  for (const { name, ready, coming, going, wanted, min, max, availability } of fleet.groups()) {
    const slices = { ready, coming, going, min, max, ...(wanted && { wanted: wanted.count }) };
    for (const [which, count] of Object.entries(slices)) {
      gauges.add("iris_group_slices", count, name, which);
    }
    const { state } = availability;
    if (state !== "ok") gauges.add("iris_group_blocked", 1, name, state);
  }
}

/** The files of the store, and how large they are in bytes; one that is not there is left out. */
async function storeSizes(database: string): Promise<[file: string, bytes: number][]> {
  const sizes: [string, number][] = [];
  for (const [file, path] of [["database", database], ["log", `${database}-wal`]] as const) {
    const info = await Deno.stat(path).catch(() => null);
    if (info !== null) sizes.push([file, info.size]);
  }
  return sizes;
}
