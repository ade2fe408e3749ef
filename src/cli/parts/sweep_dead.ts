/**
 * Clusters of this user that were killed, keeper and all: the next start of any cluster ends what is
 * left of their tasks, removes the folders of temporary ones, and takes them off the list. Runs in
 * main.
 */
import type { Clock } from "../../base/clock.ts";
import { Cgroup } from "../../host/cgroup.ts";
import {
  clusterAlive,
  type ClusterEntry,
  listClusters,
  removeCluster,
} from "../../host/cluster_registry.ts";
import { sweepMarked } from "../../host/sweep.ts";
import { sweepNoted } from "../../worker/keeper/cleanup_note.ts";
import { MARKER } from "../../worker/keeper/marker.ts";

/** How long one dead cluster may take, in ms. */
const SWEEP_MS = 3_000;
/** The same for the containers of one of its workers, if it had any, in ms. */
const CONTAINERS_MS = 10_000;

/**
 * Sweeps up after dead clusters of this user.
 *
 * @returns what was ended and what could not be, one line each
 */
export async function sweepDeadClusters(home: string, clock: Clock): Promise<string[]> {
  const lines: string[] = [];
  for (const entry of listClusters(home)) {
    if (!clusterAlive(entry)) lines.push(...await sweep(home, entry, clock));
  }
  return lines;
}

async function sweep(home: string, entry: ClusterEntry, clock: Clock): Promise<string[]> {
  const cgroups = workersOf(entry).map((worker) => Cgroup.find(`iris-${entry.id}-${worker}`));
  const { ended, left: alive } = await sweepMarked({
    marker: MARKER,
    prefix: `${entry.id}.`,
    folder: `${entry.stateDir}/workers`,
    clock,
    timeoutMs: SWEEP_MS,
    also: () => cgroups.flatMap((cgroup) => cgroup?.members() ?? []),
  });
  for (const cgroup of cgroups) cgroup?.remove();
  const left = [...alive, ...await sweepContainers(entry, clock)];
  // What could not be ended keeps its cluster on the list, for the next sweep.
  if (left.length === 0) {
    if (entry.temporary) removeFolder(entry.stateDir);
    removeCluster(home, entry.id);
  }
  return [
    ...ended.map((line) => `ended what the killed cluster ${entry.id} left: ${line}`),
    ...left.map((line) => `could not end what the killed cluster ${entry.id} left: ${line}`),
  ];
}

/** Ends what tasks ran in. @returns what could not be ended */
async function sweepContainers(entry: ClusterEntry, clock: Clock): Promise<string[]> {
  const left: string[] = [];
  for (const worker of workersOf(entry)) {
    const folder = `${entry.stateDir}/workers/${worker}`;
    const uid = `${entry.id}.${worker}`;
    left.push(...await sweepNoted({ folder, uid, clock, timeoutMs: CONTAINERS_MS }));
  }
  return left;
}

function workersOf(entry: ClusterEntry): string[] {
  try {
    return [...Deno.readDirSync(`${entry.stateDir}/workers`)].map((folder) => folder.name);
  } catch {
    return [];
  }
}

function removeFolder(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch {
    // Gone already.
  }
}
