/** Why a job waits, as data and in one line: the pass that placed nothing says it. Pure. */
import type { Bin, WorkerClass } from "./bins.ts";
import { largestSide } from "./gangs.ts";
import type { Explanation, PassInput } from "./pass.ts";
import { counted, type Lack, type Profile } from "./profile.ts";
import type { Waiting } from "./queue.ts";

type RuledOut = Explanation["ruledOut"][number];

/** What all groups of a profile share. */
interface Verdict {
  readonly line: string;
  readonly ruledOut: readonly RuledOut[];
  readonly nearest: Explanation["nearest"];
  readonly impossible: boolean;
  readonly unblock: string;
}

interface Fleet {
  readonly bins: readonly Bin[];
  readonly kinds: readonly WorkerClass[];
  readonly unavailable: number;
}

/** Explains every job that is not placed in full, once. */
export function explain(
  waiting: readonly Waiting[],
  { bins, kinds, input }: {
    bins: readonly Bin[];
    kinds: readonly WorkerClass[];
    input: PassInput;
  },
): Explanation[] {
  const fleet: Fleet = { bins, kinds, unavailable: input.unavailable };
  const verdicts = new Map<Profile, Verdict>();
  const seen = new Set<number>();
  const explanations: Explanation[] = [];
  for (const entry of waiting) {
    const { generation, gang } = entry.of;
    if (entry.left === 0 || seen.has(generation)) continue;
    seen.add(generation);
    let verdict = gang === null ? verdicts.get(entry.profile) : gangVerdict(entry, fleet);
    if (verdict === undefined) {
      verdicts.set(entry.profile, verdict = verdictOf(entry.profile, fleet));
    }
    const place = explanations.length + 1;
    explanations.push({ generation, place, workers: bins.length, ...verdict });
  }
  return explanations;
}

function verdictOf(profile: Profile, fleet: Fleet): Verdict {
  const { bins, kinds, unavailable } = fleet;
  if (bins.length === 0) return noWorker(unavailable);
  const ruledOut: RuledOut[] = [];
  let nearest: { kind: WorkerClass; lacks: readonly Lack[] } | null = null;
  let able = 0;
  for (const kind of kinds) {
    const { lacks } = profile.match(kind);
    if (lacks.length === 0) {
      able += kind.count;
      continue;
    }
    count(ruledOut, lacks[0]!, kind.count);
    if (nearest === null || lacks.length < nearest.lacks.length) nearest = { kind, lacks };
  }
  if (able > 0) return busy(able, ruledOut, fleet);
  const { kind, lacks } = nearest!;
  const missing = lacks.map(({ what, needs, has }) => ({ what, needs, has }));
  const { worker } = kind.sample;
  ruledOut.sort((a, b) => b.count - a.count || (a.what < b.what ? -1 : 1));
  return {
    line: `needs ${ruledOut.map(({ what }) => what).join(" and ")}: 0 of ` +
      `${counted(bins.length, "worker has it", "workers have it")}; nearest is ${worker} ` +
      `(${lacks.map(hasText).join(", ")})`,
    ruledOut,
    nearest: { worker, missing },
    impossible: true,
    unblock: `a worker with ${lacks.map(({ what }) => what).join(" and ")} would help`,
  };
}

function hasText({ reason, what, has }: Lack): string {
  if (reason === "constraint") return String(has);
  const name = what.split(" ")[0]!;
  if (reason === "resource") return `${name} ${has}`;
  return reason === "cpu" ? counted(Number(has), "core", "cores") : `${has} of memory`;
}

function count(ruledOut: RuledOut[], lack: Lack, n: number): void {
  const at = ruledOut.findIndex(({ what }) => what === lack.what);
  const { reason, what } = lack;
  if (at < 0) ruledOut.push({ reason, what, count: n });
  else ruledOut[at] = { reason, what, count: ruledOut[at]!.count + n };
}

function noWorker(unavailable: number): Verdict {
  const none = { ruledOut: [], nearest: null, impossible: false } as const;
  if (unavailable === 0) {
    return {
      ...none,
      line: "waits for a worker: there is none yet",
      unblock: "start a worker: iris --mode=worker --controller URL",
    };
  }
  return {
    ...none,
    line: `waits for a worker: ${counted(unavailable, "is", "are")} known, none takes work now`,
    ruledOut: [{ reason: "unavailable", what: "taking no work now", count: unavailable }],
    unblock: "it goes on when one of them answers and takes work again",
  };
}

function busy(able: number, ruledOut: readonly RuledOut[], { bins }: Fleet): Verdict {
  return {
    line:
      `waits for free capacity: ${able} of ${counted(bins.length, "worker", "workers")} could ` +
      `hold it, ${able === 1 ? "it is" : "all are"} busy`,
    ruledOut: [...ruledOut, { reason: "busy", what: "other tasks", count: able }],
    nearest: null,
    impossible: false,
    unblock: "it goes on when tasks there end, or when there are more such workers",
  };
}

/** A gang that no single value could hold says so; else it is like any other group. */
function gangVerdict(entry: Waiting, fleet: Fleet): Verdict | undefined {
  const { of } = entry;
  const { groupBy } = of.gang!;
  const able = entry.profile.able(fleet.bins);
  if (able.length === 0) return undefined;
  const side = largestSide(entry, fleet.bins);
  const what = `${of.count} tasks at once on one ${groupBy}`;
  const count = able.length;
  if (side === null) {
    return {
      line: `needs ${what}: no worker that could hold one has an attribute ${groupBy}`,
      ruledOut: [{ reason: "gang", what: `no ${groupBy}`, count }],
      nearest: null,
      impossible: true,
      unblock: `give workers the attribute: --attr ${groupBy}=NAME`,
    };
  }
  if (side.idle >= of.count) {
    return {
      line: `waits for room for ${what}: ${groupBy}=${side.value} could hold them, it is busy`,
      ruledOut: [{ reason: "busy", what: "other tasks", count }],
      nearest: null,
      impossible: false,
      unblock: `it goes on when enough of ${groupBy}=${side.value} is free at the same time`,
    };
  }
  return {
    line: `needs ${what}: the largest, ${groupBy}=${side.value}, holds ${side.idle}`,
    ruledOut: [{ reason: "gang", what, count }],
    nearest: {
      worker: side.bins[0]!.room.worker,
      missing: [{ what: `room on ${groupBy}=${side.value}`, needs: of.count, has: side.idle }],
    },
    impossible: true,
    unblock: `more workers with ${groupBy}=${side.value}, or fewer tasks`,
  };
}
