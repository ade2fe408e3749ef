/** What is known of a cluster after it was asked, for `cluster_checks.ts` to judge. */
import { systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { TreeNode } from "../../lifecycle/part.ts";
import type { JobExplanation, JobView, WorkerView } from "../../wire/api.ts";
import type { HostUsage } from "../../wire/usage.ts";
import type { GroupView } from "../../wire/vms.ts";

/** Of so many workers the host is looked at, so many calls at a time. */
const MAX_HOSTS = 200;
const AT_ONCE = 8;
/** Of so many workers on other hosts the loops are looked at. */
const MAX_TREES = 100;
/** Of so many jobs that wait it is asked why. */
const MAX_EXPLAINED = 20;
/** Jobs that wait are looked for among so many. */
const MAX_PENDING = 1_000;

/** A worker, with what its host says; the reason where it says nothing. */
export interface WorkerFacts {
  readonly worker: WorkerView;
  readonly host: HostUsage | string;
  /** How far its clock is ahead of ours, in ms; null when it was not asked. */
  readonly aheadMs: number | null;
}

/** A job that waits, and why; null when that could not be told. */
export interface PendingJob {
  readonly job: JobView;
  readonly explanation: JobExplanation | null;
}

/** What a cluster said of itself. */
export interface ClusterFacts {
  /** Wall time here, in ms. */
  readonly wallMs: number;
  readonly version: string;
  readonly tree: TreeNode;
  readonly workers: readonly WorkerFacts[];
  readonly groups: readonly GroupView[];
  readonly pending: readonly PendingJob[];
}

/** Asks for everything. @throws {IrisError} when the controller cannot be asked at all */
export async function askCluster(client: IrisClient): Promise<ClusterFacts> {
  // First alone: whatever is wrong with the way there is said once.
  const version = await client.version();
  const [tree, workers, groups, jobs] = await Promise.all([
    client.tree({ workers: MAX_TREES }),
    client.workers(),
    client.fleet.groups(),
    client.jobs({ state: "PENDING", limit: MAX_PENDING }),
  ]);
  const oldest = jobs.slice(-MAX_EXPLAINED);
  return {
    version,
    tree,
    groups,
    workers: await overAll(
      workers,
      (worker, at) =>
        at < MAX_HOSTS ? workerFacts(client, worker) : Promise.resolve(unasked(worker)),
    ),
    pending: await overAll(oldest, async (job) => ({
      job,
      explanation: await client.explain(job.name).catch(() => null),
    })),
    wallMs: systemClock.wall(),
  };
}

function unasked(worker: WorkerView): WorkerFacts {
  return { worker, host: `only ${MAX_HOSTS} were asked`, aheadMs: null };
}

async function workerFacts(client: IrisClient, worker: WorkerView): Promise<WorkerFacts> {
  if (worker.state !== "alive") return { worker, host: `it is ${worker.state}`, aheadMs: null };
  const before = systemClock.wall();
  try {
    const host = await client.hostUsage(worker.name);
    const after = systemClock.wall();
    // Within the call it was asked nobody knows when: in doubt it is right.
    const aheadMs = host.atMs > after ? host.atMs - after : Math.min(0, host.atMs - before);
    return { worker, host, aheadMs };
  } catch (error) {
    return { worker, host: messageOf(error), aheadMs: null };
  }
}

async function overAll<T, R>(
  all: readonly T[],
  of: (one: T, at: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(all.length);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, async () => {
    while (next < all.length) {
      const at = next++;
      results[at] = await of(all[at]!, at);
    }
  }));
  return results;
}
