/** Giving free room away: task by count, each time on the worker that suits best. Pure. */
import { type Bin, fits, type Roomiest, take } from "./bins.ts";
import type { Assignments } from "./assignments.ts";
import type { PlacementPolicy } from "./pass.ts";
import type { Profile } from "./profile.ts";
import type { Allowances, Usage, Waiting } from "./queue.ts";

/** A user's turn places at most this share of what is free, so that turns change often. */
const TURN_SHARE = 1 / 8;

/** What the steps of a pass share. */
export interface PassState {
  /** Every worker. */
  readonly all: readonly Bin[];
  readonly roomiest: Roomiest;
  readonly policy: PlacementPolicy;
  readonly usage: Usage;
  readonly allowances: Allowances;
  readonly out: Assignments;
}

interface UserTurn {
  readonly user: string;
  readonly groups: Waiting[];
  at: number;
}

/** Gives free room to the groups of one band in turns, each to the user who holds least. */
export function fillFree(waiting: readonly Waiting[], state: PassState): void {
  const turns = turnsOf(waiting);
  while (turns.length > 0) {
    const turn = leastUsing(turns, state.usage);
    const entry = turn.groups[turn.at];
    if (entry === undefined) {
      turns.splice(turns.indexOf(turn), 1);
      continue;
    }
    const { profile, of } = entry;
    if (profile.full || !state.roomiest.mayHold(profile)) {
      turn.at++;
      continue;
    }
    const wanted = Math.min(entry.left, state.allowances.of(of));
    const share = Math.max(1, Math.floor(profile.roomIn(state.all) * TURN_SHARE));
    const quantum = turns.length === 1 ? wanted : Math.min(wanted, share);
    const placed = fillGroup(entry, state, quantum);
    if (placed < quantum && of.avoid.length === 0) profile.full = true;
    if (placed < quantum || placed === wanted) turn.at++;
  }
}

function turnsOf(waiting: readonly Waiting[]): UserTurn[] {
  const turns = new Map<string, UserTurn>();
  for (const entry of waiting) {
    const { user } = entry.of;
    let turn = turns.get(user);
    if (turn === undefined) turns.set(user, turn = { user, groups: [], at: 0 });
    turn.groups.push(entry);
  }
  return [...turns.values()];
}

function leastUsing(turns: readonly UserTurn[], usage: Usage): UserTurn {
  let least = turns[0]!;
  for (const turn of turns) if (usage.of(turn.user) < usage.of(least.user)) least = turn;
  return least;
}

/** Places up to `limit` tasks of a group. @returns how many */
export function fillGroup(entry: Waiting, state: PassState, limit: number): number {
  state.roomiest.looked();
  const avoided = avoidedBy(entry, state.all);
  const placed = state.policy === "spread"
    ? fillEmptiest(entry, { state, avoided, limit })
    : fillTightest(entry, { state, avoided, limit });
  entry.profile.room -= placed;
  return placed;
}

interface FillStep {
  readonly state: PassState;
  readonly avoided: readonly string[];
  readonly limit: number;
}

/**
 * Best fit: workers in the order in which they suit, each filled up before the next. The order is
 * that of the profile's first look in this pass; what others take meanwhile does not change it.
 */
function fillTightest(entry: Waiting, { state, avoided, limit }: FillStep): number {
  const { profile } = entry;
  let placed = 0;
  for (const bin of profile.suiting(state.all)) {
    if (placed >= limit) break;
    if (bin.reserved || avoided.includes(bin.room.worker)) continue;
    const count = Math.min(fits(bin, profile), limit - placed);
    if (count === 0) continue;
    give(entry, { bin, count }, state);
    placed += count;
  }
  return placed;
}

/** Spread: the emptiest worker at each step, a part of what is left. */
function fillEmptiest(entry: Waiting, { state, avoided, limit }: FillStep): number {
  const bins = entry.profile.able(state.all).filter((bin) =>
    !bin.reserved && !avoided.includes(bin.room.worker)
  );
  let placed = 0;
  while (placed < limit) {
    const bin = emptiest(bins, entry.profile);
    if (bin === null) break;
    const part = Math.ceil((limit - placed) / bins.length);
    const count = Math.min(fits(bin, entry.profile), part);
    give(entry, { bin, count }, state);
    placed += count;
  }
  return placed;
}

function emptiest(bins: readonly Bin[], profile: Profile): Bin | null {
  let best: Bin | null = null;
  for (const bin of bins) {
    if (fits(bin, profile) === 0) continue;
    if (best === null || profile.isEmptier(bin, best)) best = bin;
  }
  return best;
}

/** The workers that a group avoids: none when no other could ever hold it. */
export function avoidedBy({ of, profile }: Waiting, all: readonly Bin[]): readonly string[] {
  if (of.avoid.length === 0) return of.avoid;
  const another = profile.able(all).some(({ room }) => !of.avoid.includes(room.worker));
  return another ? of.avoid : [];
}

/** Books tasks of a group on a bin. */
export function give(
  entry: Waiting,
  { bin, count }: { bin: Bin; count: number },
  { usage, allowances, out }: PassState,
): void {
  take(bin, entry.profile, count);
  entry.left -= count;
  usage.add(entry.of, count);
  allowances.use(entry.of, count);
  out.add(entry.of, bin.room.worker, count);
}
