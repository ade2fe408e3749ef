/**
 * What a task in a container uses: its engine puts it into a cgroup of its own, which counts. Found by
 * the marker in the environment of the container's processes, once for each attempt. Owns nothing; runs
 * in the keeper.
 */
import { AttemptCgroup, type AttemptFolders, type CgroupUsage } from "../../host/attempt_cgroup.ts";
import { cgroupFolders } from "../../host/same_place.ts";
import { allPids, environOf, pidDepth } from "../../host/proc.ts";
import { type Attempt, uidOf } from "./attempt.ts";
import { isInside } from "./inside_commands.ts";
import { MARKER } from "./marker.ts";

/**
 * How long the second look for one waits, and twice as long each later one, up to a limit, in ms: an
 * image may have to be fetched, and where its processes cannot be seen it is never found.
 */
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 60_000;

interface Sought {
  readonly pauseMs: number;
  readonly nextMs: number;
}

/** See the head of this file. */
export class InsideUsages {
  readonly #found = new WeakMap<Attempt, AttemptCgroup>();
  readonly #sought = new WeakMap<Attempt, Sought>();

  /** What the kernel counted so far; null for a task that is no container's, or is not seen. */
  now(attempt: Attempt, nowMs: number): CgroupUsage | null {
    if (!isInside(attempt) || attempt.end !== null) return null;
    const found = this.#found.get(attempt);
    if (found !== undefined) return usageOf(found);
    const { pauseMs, nextMs } = this.#sought.get(attempt) ??
      { pauseMs: FIRST_PAUSE_MS, nextMs: -Infinity };
    if (nowMs < nextMs) return null;
    const cgroup = find(attempt);
    if (cgroup === null) {
      const next = { pauseMs: Math.min(MAX_PAUSE_MS, 2 * pauseMs), nextMs: nowMs + pauseMs };
      this.#sought.set(attempt, next);
      return null;
    }
    this.#found.set(attempt, cgroup);
    return usageOf(cgroup);
  }
}

/** The kernel's own count is of threads. */
function usageOf(cgroup: AttemptCgroup): CgroupUsage {
  return { ...cgroup.usage(), processes: cgroup.members().length };
}

function find(attempt: Attempt): AttemptCgroup | null {
  const uid = `.${uidOf(attempt.started)}`;
  const marker = attempt.launch.extraEnv?.find((line) => line.startsWith(`${MARKER}=`));
  const own = pidDepth("self");
  const inside = allPids().find((pid) => {
    const value = environOf(pid, MARKER);
    return value?.endsWith(uid) && `${MARKER}=${value}` === marker && pidDepth(pid) > own;
  });
  if (inside === undefined) return null;
  const folders = cgroupFolders(inside);
  const version2 = folders.get("") ?? null;
  const v1 = (name: string) => folders.get(name) ?? null;
  const memory = v1("memory");
  const of: AttemptFolders = {
    version2: memory === null ? version2 : null,
    memory: memory ?? version2,
    cpu: v1("cpu") ?? version2,
    cpuacct: v1("cpuacct"),
    pids: v1("pids") ?? version2,
    freezer: null,
  };
  return new AttemptCgroup(of);
}
