/** What of a changed `iris.yaml` a running process can take in, and what needs a new start. Pure. */
import type { GroupConfig } from "../../vm/scale_group.ts";

/** What follows from a changed file. */
export interface ReloadPlan {
  /** The groups from now on; those that cannot change stay as they were. */
  readonly groups: readonly GroupConfig[];
  /** What was taken in, one line each. */
  readonly changes: readonly string[];
  /** What was not, and why, one line each. */
  readonly refused: readonly string[];
}

/** What stands in a mode's section: flag and text. */
export type SectionTexts = Readonly<Record<string, readonly string[] | undefined>>;

/**
 * Compares the groups and the mode's section of the file as it was read at the start with those of
 * now. Numbers of a group, its pace and its hosts change at once; what made its VMs does not.
 */
export function planReload(
  from: { groups: readonly GroupConfig[]; section: SectionTexts },
  to: { groups: readonly GroupConfig[]; section: SectionTexts },
): ReloadPlan {
  const changes: string[] = [];
  const refused = sectionChanges(from.section, to.section);
  const old = new Map(from.groups.map((one) => [one.group.name, one]));
  const groups = to.groups.map((now) => {
    const name = now.group.name;
    const before = old.get(name);
    old.delete(name);
    if (before === undefined) {
      changes.push(`group ${name}: new`);
      return now;
    }
    const why = fixedChange(before, now);
    if (why !== null) {
      refused.push(`group ${name}: ${why} of a group cannot change; give it another name`);
      return before;
    }
    if (JSON.stringify(before) !== JSON.stringify(now)) changes.push(`group ${name}: changed`);
    return now;
  });
  for (const name of old.keys()) changes.push(`group ${name}: its slices go when they are idle`);
  const leaving = [...old.values()].map((one) => ({
    ...one,
    group: { ...one.group, min: 0, buffer: 0, max: 0, idleMs: 0 },
  }));
  return { groups: [...groups, ...leaving], changes, refused };
}

function fixedChange(before: GroupConfig, now: GroupConfig): string | null {
  if (before.provider.kind !== now.provider.kind) return "the kind of provider";
  if (before.group.sliceVms !== now.group.sliceVms) return "sliceVms";
  if (before.provider.kind === "ssh" && now.provider.kind === "ssh") {
    return before.provider.folder === now.provider.folder ? null : "the folder on its hosts";
  }
  if (before.provider.kind === "slurm" && now.provider.kind === "slurm") {
    return before.provider.sharedFolder === now.provider.sharedFolder ? null : "sharedFolder";
  }
  return null;
}

function sectionChanges(before: SectionTexts, now: SectionTexts): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]))
    .map((key) => `${key} takes effect at the next start`);
}
