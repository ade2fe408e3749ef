/**
 * The list of this user's clusters, one small file each under `<state home>/clusters`: commands find
 * a running cluster by it, and the next start finds what a killed temporary one left. Runs in main
 * and in commands.
 */
import { processStartTime } from "./proc.ts";

/** A cluster of this user that runs, or was killed. */
export interface ClusterEntry {
  readonly id: string;
  readonly pid: number;
  /** The process's start time in clock ticks since boot: tells it from a later one of that pid. */
  readonly startTime: number;
  readonly url: string;
  readonly stateDir: string;
  /** What its clients must trust, PEM, when it speaks TLS. */
  readonly caFile?: string;
  /** True for the cluster of one `job run --local`: its folder goes with it. */
  readonly temporary: boolean;
  readonly startedAtMs: number;
}

/** Enters a cluster into the list, whole or not at all. */
export function enterCluster(home: string, entry: ClusterEntry): void {
  const folder = `${home}/clusters`;
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = `${folder}/${entry.id}.json`;
  Deno.writeTextFileSync(`${file}.new`, JSON.stringify(entry), { mode: 0o600 });
  Deno.renameSync(`${file}.new`, file);
}

/** Takes a cluster off the list; nothing happens when it is not on it. */
export function removeCluster(home: string, id: string): void {
  try {
    Deno.removeSync(`${home}/clusters/${id}.json`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** All entries, newest first; files that cannot be read are left out. */
export function listClusters(home: string): ClusterEntry[] {
  const entries: ClusterEntry[] = [];
  let files: Deno.DirEntry[] = [];
  try {
    files = [...Deno.readDirSync(`${home}/clusters`)];
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  for (const file of files) {
    if (!file.name.endsWith(".json")) continue;
    try {
      const text = Deno.readTextFileSync(`${home}/clusters/${file.name}`);
      entries.push(JSON.parse(text) as ClusterEntry);
    } catch {
      // Removed or being written by its owner in this moment: not a cluster to talk to.
    }
  }
  return entries.sort((a, b) => b.startedAtMs - a.startedAtMs);
}

/** True while the process of an entry lives. */
export function clusterAlive(entry: ClusterEntry): boolean {
  return processStartTime(entry.pid) === entry.startTime;
}
