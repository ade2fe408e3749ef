/**
 * The live ownership tree: who owns whom, in which state, since when, and what stands still. During a stop
 * how long each part still has, and who is still up.
 */
import type { TreeNode } from "../../../lifecycle/part.ts";
import { soon } from "../../soon.ts";
import { bytesText, counted, durationText, lasted } from "../format.ts";
import { type Html, markup, NOTHING, type Part, when } from "../markup.ts";
import { action, badge } from "../parts.ts";
import { numberIn } from "../query.ts";
import { live, type ViewContext, type ViewPage } from "../view.ts";
import { secondsOf } from "./workers_view.ts";

/** How often it is rendered, in ms. */
const PERIOD_MS = 500;
/** Workers on other hosts whose trees are asked for, and how long their answers are good, in ms. */
const WORKERS = 8;
const MAX_WORKERS = 200;
const ELSEWHERE_MS = 2_000;
/** A page waits so long for other hosts, in ms: they come when they have answered. */
const WAIT_MS = 100;
/** Lines of the tree, and of those that are still up. */
const MAX_NODES = 600;
const MAX_UP = 40;
/** A loop whose last tick is this old is told with it, in ms. */
const QUIET_MS = 2_000;

/** See the head of this file. */
export async function treeView(context: ViewContext): Promise<ViewPage> {
  const { api, url } = context;
  const workers = numberIn(url.searchParams, "workers", MAX_WORKERS);
  const tree = await wholeTree(context, url.searchParams.has("workers") ? workers : WORKERS);
  const { closing } = api.health();
  return {
    title: "Tree",
    nav: "tree",
    periodMs: PERIOD_MS,
    blocks: [
      live("head", () => head(context, closing)),
      live("stop", () => closing ? stopPanel(tree, context) : NOTHING),
      live("ill", () => illPanel(tree)),
      live("tree", () => treePanel(tree, context)),
    ],
  };
}

/** This process's tree as it is now, with those of others as they were told lately. */
async function wholeTree({ api, recent }: ViewContext, workers: number): Promise<TreeNode> {
  const asked = recent.get(`tree ${workers}`, ELSEWHERE_MS, () => api.wholeTree({ workers }));
  const whole = await soon(asked.catch(() => null), WAIT_MS);
  const own = api.tree();
  if (whole === null) return own;
  const mine = new Set(own.children.map(({ name }) => name));
  const others = whole.children.filter(({ name }) => !mine.has(name));
  return { ...own, children: [...own.children, ...others] };
}

function head({ viewer }: ViewContext, closing: boolean): Html {
  const stop = closing || !viewer.may("POST /cluster/stop") ? NOTHING : action({
    ...{ path: "/cluster/stop", label: "Stop the cluster", back: "/tree", tone: "danger" },
    sure:
      "Everything below is stopped, in order and before one deadline: tasks are asked to end, then killed. This page shows who is still up.",
  });
  return markup`<div class="head"><h1>Tree</h1>${
    when(closing, () => badge("stopping"))
  }<span class="dim">Who owns whom. Stopping a part stops everything below it first.</span><div class="acts">${stop}</div></div>`;
}

function* nodesOf(node: TreeNode, path = ""): Generator<{ node: TreeNode; path: string }> {
  const here = `${path}/${node.name}`;
  yield { node, path: here };
  for (const child of node.children) yield* nodesOf(child, here);
}

function stopPanel(tree: TreeNode, context: ViewContext): Html {
  const up = [...nodesOf(tree)].filter(({ node }) => node.state !== "stopped");
  // Whoever waits for others only is not the one that is waited for.
  const asked = ({ deadlineMs, state }: TreeNode) =>
    deadlineMs !== undefined && state !== "stopped";
  const leaves = up.filter(({ node }) => asked(node) && !node.children.some(asked));
  return markup`<div class="panel"><h2>Stopping</h2><p class="big">${
    counted(up.length, "part")
  } still up${
    tree.deadlineMs === undefined
      ? NOTHING
      : markup`; all is over ${until(tree.deadlineMs, context)}`
  }</p><ul class="wrongs">${
    leaves.slice(0, MAX_UP).map(({ node, path }) =>
      markup`<li class="mild" data-key="up-${path}"><b>${node.name}</b> ${
        node.detail ?? ""
      } <span class="mend">is killed ${
        until(node.deadlineMs!, context)
      } if it does not end before</span></li>`
    )
  }</ul></div>`;
}

function until(leftMs: number, { nowMs }: ViewContext): Html {
  const at = new Date(secondsOf(nowMs + leftMs)).toISOString();
  return markup`<time datetime="${at}" data-until>in ${durationText(leftMs)}</time>`;
}

function illPanel(tree: TreeNode): Html {
  const ill = [...nodesOf(tree)].filter(({ node }) =>
    node.stalled === true || node.unreachable !== undefined
  );
  if (ill.length === 0) return NOTHING;
  return markup`<div class="panel"><h2>What stands still or does not answer</h2><ul class="wrongs">${
    ill.slice(0, MAX_UP).map(({ node, path }) =>
      markup`<li data-key="ill-${path}"><b>${path}</b> ${
        node.unreachable ?? `has not ticked for ${durationText(secondsOf(node.lastTickMs ?? 0))}`
      }</li>`
    )
  }</ul></div>`;
}

function treePanel(tree: TreeNode, context: ViewContext): Html {
  const left = { nodes: MAX_NODES };
  const inside = nodeItem({ node: tree, path: "" }, context, left);
  const note = left.nodes > 0
    ? NOTHING
    : markup`<p class="dim">Only ${MAX_NODES} parts are shown: <code>iris tree</code> has all.</p>`;
  return markup`<div class="panel"><ul class="tree">${inside}</ul>${note}</div>`;
}

function nodeItem(
  { node, path }: { node: TreeNode; path: string },
  context: ViewContext,
  left: { nodes: number },
): Html {
  if (left.nodes-- <= 0) return NOTHING;
  const here = `${path}/${node.name}`;
  if (node.children.length === 0) {
    return markup`<li data-key="${here}">${nodeLine(node, context)}</li>`;
  }
  return markup`<li data-key="${here}"><details open><summary>${
    nodeLine(node, context)
  }</summary><ul class="tree">${
    node.children.map((child) => nodeItem({ node: child, path: here }, context, left))
  }</ul></details></li>`;
}

function nodeLine(node: TreeNode, context: ViewContext): Html {
  const { name, kind, state, ageMs, lastTickMs, stalled, memoryBytes, restarts, detail } = node;
  const { unreachable, deadlineMs } = node;
  const facts: Part[] = [];
  if (detail !== undefined) facts.push(detail);
  if (lastTickMs !== undefined && lastTickMs > QUIET_MS) {
    facts.push(`last tick ${durationText(secondsOf(lastTickMs))} ago`);
  }
  if (memoryBytes !== undefined) facts.push(bytesText(Math.round(memoryBytes / 2 ** 20) * 2 ** 20));
  if (restarts !== undefined && restarts > 0) {
    facts.push(markup`<span class="warn">restarted ${counted(restarts, "time")}</span>`);
  }
  const shown = unreachable !== undefined ? "unreachable" : stalled === true ? "stalled" : state;
  return markup`<span class="node"><span class="name">${name}</span><span class="kind">${kind}</span>${
    badge(shown, unreachable)
  }<span class="dim">up ${lasted(secondsOf((context.nowMs - ageMs) / 5) * 5, null)}</span>${
    deadlineMs === undefined
      ? NOTHING
      : markup`<span class="warn">killed ${until(deadlineMs, context)}</span>`
  }${facts.map((fact) => markup`<span class="dim">${fact}</span>`)}</span>`;
}
