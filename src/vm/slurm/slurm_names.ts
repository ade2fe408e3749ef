/** What allocations and their slices are called, in Slurm and in the shared folder. Pure. */
import { IrisError } from "../../base/errors.ts";

/** Names that are folders, words of Slurm's lists and parts of a job's name. */
const NAME = /^(?!\.)[\w.+-]{1,100}$/;
/** A comment of Slurm is no longer than 1,024 characters. */
const MAX_COMMENT_CHARS = 1_000;
/** The first word of every comment of ours. */
const MARK = "iris";

/** What a comment says of an allocation. */
export interface SliceLabel {
  readonly cluster: string;
  readonly group: string;
  readonly slice: string;
  /** Null when the comment had no room for them. */
  readonly vms: readonly string[] | null;
}

/** @throws {IrisError} `invalid` for what is no name here */
export function checkName(name: string, what: string): void {
  if (!NAME.test(name)) {
    throw new IrisError("invalid", `Invalid ${what} ${JSON.stringify(name)} for Slurm`, {
      field: what,
    });
  }
}

/** What the allocations of a group have in front of their slice's name. */
export function jobPrefix(cluster: string, group: string): string {
  return `iris-${cluster}-${group}-`;
}

/** The name of a slice's allocation. */
export function jobName(of: Omit<SliceLabel, "vms">): string {
  return `${jobPrefix(of.cluster, of.group)}${of.slice}`;
}

/** The comment of a slice's allocation: whose it is, whatever happens to our files. */
export function commentOf({ cluster, group, slice, vms }: SliceLabel): string {
  const head = `${MARK} ${cluster} ${group} ${slice}`;
  const names = vms?.join(",") ?? "";
  return names === "" || head.length + names.length >= MAX_COMMENT_CHARS
    ? head
    : `${head} ${names}`;
}

/** What a comment says; null for one that is not ours. */
export function labelOf(comment: string): SliceLabel | null {
  const [mark, cluster, group, slice, names, ...more] = comment.trim().split(" ");
  if (mark !== MARK || more.length > 0) return null;
  if (![cluster, group, slice].every((name) => name !== undefined && NAME.test(name))) return null;
  const vms = names?.split(",") ?? null;
  if (vms?.some((vm) => !NAME.test(vm))) return null;
  return { cluster: cluster!, group: group!, slice: slice!, vms };
}
