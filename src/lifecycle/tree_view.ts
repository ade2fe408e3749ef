/** The tree as others see it: a snapshot, and what a stop still waits for. Reads, changes nothing. */
import type { Node } from "./node.ts";
import type { PartFacts, TreeNode } from "./part.ts";
import { messageOf } from "../base/errors.ts";
import type { Figures } from "../base/metrics.ts";

/** A node that a stop waits for now. */
export interface Blocker {
  readonly path: string;
  /** How long the step that it is in may still take, in ms. */
  readonly remainingMs: number;
}

/** A snapshot of a node and everything below it, also beyond its edges. */
export function viewOf(node: Node): TreeNode {
  const { children: beyond, ...facts } = factsOf(node);
  const stopping = node.state === "stopping" && node.run;
  return {
    name: node.part.name,
    kind: node.part.kind,
    state: node.state,
    ageMs: node.clock.now() - node.bornMs,
    ...facts,
    ...(stopping ? { deadlineMs: stopping.askRemainingMs } : {}),
    children: [...[...node.children].map(viewOf), ...(beyond ?? [])],
  };
}

function factsOf(node: Node): PartFacts {
  try {
    return node.part.facts?.() ?? {};
  } catch (error) {
    return { detail: `facts failed: ${messageOf(error)}` };
  }
}

/** What a node and everything below it counted beyond their edges. */
export function figuresOf(node: Node): Figures[] {
  const found: Figures[] = [];
  const visit = (at: Node): void => {
    const figures = at.part.figures?.();
    if (figures !== undefined) found.push(figures);
    at.children.forEach(visit);
  };
  visit(node);
  return found;
}

/** What is waited for at and below a node: who has taken longest first, then who has least left. */
export function blockersOf(node: Node): Blocker[] {
  const waiting: (Blocker & { readonly sinceMs: number })[] = [];
  const visit = (at: Node): void => {
    const remainingMs = at.run?.waitsMs;
    if (at.run && remainingMs !== undefined) {
      waiting.push({ path: at.path, remainingMs, sinceMs: at.run.sinceMs });
    }
    for (const child of at.children) visit(child);
  };
  visit(node);
  return waiting
    .sort((a, b) => a.sinceMs - b.sinceMs || a.remainingMs - b.remainingMs)
    .map(({ path, remainingMs }) => ({ path, remainingMs }));
}
