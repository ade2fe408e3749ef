/** Letting short tasks wait at workers, and taking them back where others have nothing to do. */
import { BANDS } from "../model/band.ts";
import { type Bin, fits, take } from "./bins.ts";
import { avoidedBy, type PassState } from "./fill.ts";
import type { QueuedTasks, Recall } from "./pass.ts";
import { Profiles } from "./profile.ts";
import type { Waiting } from "./queue.ts";

/** Lets short tasks wait at workers, evenly, each user with a like share of each worker's room. */
export function fillBacklog(waiting: readonly Waiting[], state: PassState): void {
  const byUser = new Map<string, Waiting[]>();
  for (const entry of waiting) {
    const { backlog, gang, user } = entry.of;
    if (!backlog || gang !== null || entry.left <= entry.promised) continue;
    if (state.allowances.of(entry.of) <= 0) continue;
    byUser.set(user, [...byUser.get(user) ?? [], entry]);
  }
  const users = [...byUser].sort(([a], [b]) => state.usage.of(a) - state.usage.of(b));
  users.forEach(([, entries], i) => {
    const open = state.all.filter((bin) => bin.backlog > 0 && bin.slots > 0 && !bin.reserved);
    const share = new Map(open.map((bin) => [bin, Math.ceil(bin.backlog / (users.length - i))]));
    for (const entry of entries) fillShare(entry, { open, share, state });
  });
}

function fillShare(
  entry: Waiting,
  { open, share, state }: { open: readonly Bin[]; share: Map<Bin, number>; state: PassState },
): void {
  const { of, profile } = entry;
  const avoided = avoidedBy(entry, state.all);
  const band = BANDS.indexOf(of.band);
  const able = open.filter((bin) =>
    share.get(bin)! > 0 && band <= bin.queueBand && profile.match(bin.kind).lacks.length === 0 &&
    !avoided.includes(bin.room.worker)
  );
  able.forEach((bin, k) => {
    const wanted = Math.min(entry.left - entry.promised, state.allowances.of(of));
    const even = Math.ceil(wanted / (able.length - k));
    const count = Math.min(even, share.get(bin)!, bin.slots, wanted);
    if (count <= 0) return;
    share.set(bin, share.get(bin)! - count);
    bin.backlog -= count;
    bin.slots -= count;
    entry.left -= count;
    state.allowances.use(of, count);
    state.out.add(of, bin.room.worker, count);
  });
}

/**
 * For workers with room that nothing else is placed in: what waits elsewhere, and would fit. Takes
 * that room, also for what is on its way back already.
 */
export function recallFor(
  queued: readonly QueuedTasks[],
  { bins, pending }: { bins: readonly Bin[]; pending: ReadonlySet<number> },
): Recall[] {
  const profiles = new Profiles();
  const recalls: Recall[] = [];
  for (const queue of queued) {
    if (pending.has(queue.generation)) continue;
    const profile = profiles.of(queue);
    const wanted = queue.returning + queue.count;
    let found = 0;
    for (const bin of bins) {
      if (bin.room.worker === queue.worker || bin.reserved) continue;
      if (profile.match(bin.kind).lacks.length > 0) continue;
      const n = Math.min(fits(bin, profile), wanted - found);
      if (n > 0) take(bin, profile, n);
      found += n;
      if (found === wanted) break;
    }
    const count = found - queue.returning;
    if (count > 0) recalls.push([queue.generation, queue.worker, count]);
  }
  return recalls;
}
