/**
 * Stages: the members of a stage stop together, stages in reverse start order. Runs in the owner's
 * isolate.
 */
import { keptForLaterMs } from "./budget.ts";
import type { Deadline } from "./deadline.ts";

/** A node as its parent's stage sees it. None of these throws or rejects. */
export interface Member {
  /** Its stage; members of one stage stop together, higher stages first. */
  readonly stage: number;
  /** Whether there is anything to release. */
  readonly hasRelease: boolean;
  /**
   * Brings it and all below it down: ask, force, verify. Resolves by `deadline`, less what is
   * reserved for releasing when `keepForRelease`.
   */
  bringDown(deadline: Deadline, options: { keepForRelease: boolean }): Promise<void>;
  /** Calls its release before it returns, and resolves when that is over, by the same deadline. */
  release(): Promise<void>;
}

/** Members grouped by stage, the stage that stops first in front; inside a stage newest first. */
export function stagesOf<T extends Member>(members: readonly T[]): readonly (readonly T[])[] {
  const byStage = new Map<number, T[]>();
  for (const member of members.toReversed()) {
    const stage = byStage.get(member.stage);
    if (stage) stage.push(member);
    else byStage.set(member.stage, [member]);
  }
  return [...byStage].sort(([a], [b]) => b - a).map(([, stage]) => stage);
}

/**
 * Stops stages one after another, each as soon as the one before is over.
 *
 * @param work by when the last one must be over
 */
export async function stopStages(
  stages: readonly (readonly Member[])[],
  options: { work: Deadline; floorMs: number },
): Promise<void> {
  const { work, floorMs } = options;
  for (const [index, stage] of stages.entries()) {
    const later = stages.length - 1 - index;
    const reserveMs = keptForLaterMs(work.remainingMs(), { later, floorMs });
    const deadline = work.child({ reserveMs });
    await stopStage(stage, deadline);
    deadline.dispose();
  }
}

/**
 * Members are asked together. Releases begin when all are down, in reverse order of owning: what
 * one still uses, another must not have given back.
 */
async function stopStage(stage: readonly Member[], deadline: Deadline): Promise<void> {
  const keepForRelease = stage.some((member) => member.hasRelease);
  await Promise.all(stage.map((member) => member.bringDown(deadline, { keepForRelease })));
  await Promise.all(stage.map((member) => member.release()));
}
