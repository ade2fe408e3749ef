/**
 * The ownership tree of a worker's process as it travels to its controller: `POST /v1/tree`. What comes
 * from another host is taken apart and put together anew, within limits.
 */
import { IrisError, plainLine } from "../base/errors.ts";
import type { NodeKind, NodeState, TreeNode } from "../lifecycle/part.ts";

/** The most nodes of a tree that is taken. */
export const MAX_TREE_NODES = 20_000;
/** How deep it may be. */
const MAX_DEPTH = 32;
/** The longest name, and the longest fact about a node, in characters. */
const MAX_NAME_CHARS = 256;
const MAX_DETAIL_CHARS = 1_024;

const KINDS: ReadonlySet<unknown> = new Set<NodeKind>([
  ...["component", "loop", "process", "server", "resource"] as const,
]);
const STATES: ReadonlySet<unknown> = new Set<NodeState>([
  ...["starting", "running", "closing", "stopping", "stopped"] as const,
]);
const FIGURES = ["lastTickMs", "memoryBytes", "deadlineMs", "restarts"] as const;

/** @throws {IrisError} `invalid` when it is no tree, or too large */
export function parseTree(value: unknown): TreeNode {
  let left = MAX_TREE_NODES;
  const nodeOf = (input: unknown, depth: number): TreeNode => {
    if (--left < 0 || depth > MAX_DEPTH) throw wrong(`larger than ${MAX_TREE_NODES} nodes`);
    if (typeof input !== "object" || input === null) throw wrong("not made of objects");
    const o = input as Record<string, unknown>;
    const { name, kind, state, ageMs, stalled, detail, children } = o;
    if (typeof name !== "string" || !KINDS.has(kind) || !STATES.has(state) || !isFigure(ageMs)) {
      throw wrong("without name, kind, state and age");
    }
    if (!Array.isArray(children)) throw wrong("without children");
    return {
      name: plainLine(name, MAX_NAME_CHARS),
      kind: kind as NodeKind,
      state: state as NodeState,
      ageMs,
      ...Object.fromEntries(FIGURES.filter((key) => isFigure(o[key])).map((key) => [key, o[key]])),
      ...(typeof stalled === "boolean" ? { stalled } : {}),
      ...(typeof detail === "string" ? { detail: plainLine(detail, MAX_DETAIL_CHARS) } : {}),
      children: children.map((child: unknown) => nodeOf(child, depth + 1)),
    };
  };
  return nodeOf(value, 1);
}

function isFigure(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function wrong(why: string): IrisError {
  return new IrisError("invalid", `It answered with a tree that is ${why}`);
}
