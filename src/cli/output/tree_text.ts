/** The ownership tree as text. */
import type { TreeNode } from "../../lifecycle/part.ts";
import { cut, formatDuration } from "./table.ts";

/**
 * One line a node, with branches drawn.
 *
 * @param columns longer lines are cut; none when left out
 */
export function formatTree(node: TreeNode, columns = Infinity): string {
  const lines = [describe(node)];
  branch(node.children, "", lines);
  return lines.map((line) => cut(line, columns)).join("\n");
}

function branch(children: readonly TreeNode[], indent: string, lines: string[]): void {
  children.forEach((child, at) => {
    const last = at === children.length - 1;
    lines.push(`${indent}${last ? "└─ " : "├─ "}${describe(child)}`);
    branch(child.children, `${indent}${last ? "   " : "│  "}`, lines);
  });
}

function describe(node: TreeNode): string {
  if (node.unreachable !== undefined) {
    const more = node.detail === undefined ? "" : `, ${node.detail}`;
    return `${node.name}  ${node.kind}, NO ANSWER: ${node.unreachable}${more}`;
  }
  const facts = [node.kind, node.stalled === true ? "STALLED" : node.state];
  facts.push(`age ${formatDuration(node.ageMs)}`);
  if (node.lastTickMs !== undefined) facts.push(`tick ${formatDuration(node.lastTickMs)} ago`);
  if (node.deadlineMs !== undefined) facts.push(`${formatDuration(node.deadlineMs)} left`);
  if (node.restarts !== undefined && node.restarts > 0) facts.push(`${node.restarts} restarts`);
  if (node.memoryBytes !== undefined) facts.push(`${(node.memoryBytes / 1048576).toFixed(1)} MiB`);
  if (node.detail !== undefined) facts.push(node.detail);
  return `${node.name}  ${facts.join(", ")}`;
}
