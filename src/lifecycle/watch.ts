/**
 * Looks at the tree from outside: who is still up while it stops, and which loops are not well. Owns
 * one timer while it watches. Runs in the main isolate.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { Blocker, Owner } from "./owner.ts";
import type { TreeNode } from "./part.ts";

/** How often a stop says what it waits for, in ms. */
export const PROGRESS_MS = 1000;

/** A line names this many nodes; the rest are counted. */
const NAMED_BLOCKERS = 3;

/**
 * Writes a line each second that names what is still up, until it is cancelled or the owner has
 * stopped. A stop that takes less than a second writes nothing.
 *
 * @param write gets one line, without a line break
 * @returns cancels it
 */
export function stopProgress(
  owner: Pick<Owner, "blockers" | "state">,
  clock: Clock,
  write: (line: string) => void,
): Timer {
  let timer: Timer;
  const sinceMs = clock.now();
  const next = () => {
    timer = clock.setTimer(PROGRESS_MS, () => {
      if (owner.state === "stopped") return;
      const line = progressLine(owner.blockers(), clock.now() - sinceMs);
      if (line !== undefined) write(line);
      next();
    });
  };
  next();
  return { cancel: () => timer.cancel() };
}

/** Loops that are down or stalled, as `path: why`; `/healthz` is not 200 while there is one. */
export function unwell(tree: TreeNode): string[] {
  const found: string[] = [];
  const visit = (node: TreeNode, path: string) => {
    if (node.stalled === true) {
      found.push(`${path}: no sign of life for ${Math.round(node.lastTickMs ?? 0)} ms`);
    }
    for (const child of node.children) visit(child, `${path}/${child.name}`);
  };
  visit(tree, tree.name);
  return found;
}

/** Undefined when nobody is waited for. */
function progressLine(blockers: readonly Blocker[], elapsedMs: number): string | undefined {
  if (blockers.length === 0) return undefined;
  const named = blockers.slice(0, NAMED_BLOCKERS)
    .map((blocker) => `${blocker.path} (${seconds(blocker.remainingMs)} left)`);
  const more = blockers.length - named.length;
  const rest = more > 0 ? `, and ${more} more` : "";
  return `stopping for ${seconds(elapsedMs)}, still up: ${named.join(", ")}${rest}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
