/**
 * The trees of workers on other hosts, as they are now: each is asked, a bounded number at a time and
 * within a time for all, and what does not answer is shown with the reason. Used in the server isolate;
 * the calls belong to the executor, which its owner closes.
 */
import type { Clock } from "../base/clock.ts";
import { IrisError, messageOf, plainLine } from "../base/errors.ts";
import { fetchProblem } from "../base/fetch_problem.ts";
import { DispatchExecutor } from "../heartbeat/dispatch_executor.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type { TreeNode } from "../lifecycle/part.ts";
import { parseTree } from "../wire/tree.ts";
import type { WorkerInfo } from "./messages.ts";

/** Workers that are asked at the same time. */
export const ASKED_AT_ONCE = 32;
/** How long one may take to answer, in ms. */
export const TREE_MS = 2_000;
/** How long all of them may take, in ms. */
export const TREES_MS = 6_000;
/** The name of the node that they hang below. */
export const ELSEWHERE = "workers (other hosts)";

/** What it is made of. */
export interface WorkerTreesOptions {
  readonly post: PostJson;
  readonly clock: Clock;
  /** The process id of the controller: workers of its own have the same. */
  readonly pid: number;
}

/** What is asked for. */
export interface WholeTree {
  /** What the controller's process owns. */
  readonly own: TreeNode;
  readonly workers: readonly WorkerInfo[];
  /** How many workers' trees are fetched. */
  readonly limit: number;
}

/** See the head of this file. */
export class WorkerTrees {
  readonly #options: WorkerTreesOptions;
  readonly #executor: DispatchExecutor;

  /** @param options how workers are reached */
  constructor(options: WorkerTreesOptions) {
    this.#options = options;
    const { clock } = options;
    // Nobody gives a slot away before its worker has answered or was given up.
    this.#executor = new DispatchExecutor({ clock, limit: ASKED_AT_ONCE, slotMs: TREE_MS });
  }

  /** The controller's own tree, with the workers of other hosts below it. */
  async whole({ own, workers, limit }: WholeTree): Promise<TreeNode> {
    const names = componentsOf(own);
    const elsewhere = workers
      .filter((one) => one.pid !== this.#options.pid || !names.has(one.name))
      // What is not well is what one looks for.
      .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
    if (elsewhere.length === 0) return own;
    const untilMs = this.#options.clock.now() + TREES_MS;
    const children = await Promise.all(
      elsewhere.slice(0, limit).map((worker) => this.#nodeOf(worker, untilMs)),
    );
    const rest = elsewhere.length - children.length;
    const node: TreeNode = {
      ...{ name: ELSEWHERE, kind: "component", state: "running", ageMs: own.ageMs },
      detail: `${elsewhere.length} registered, none owned by this process`,
      children: rest === 0 ? children : [...children, restOf(rest, elsewhere.length)],
    };
    return { ...own, children: [...own.children, node] };
  }

  /** Gives up what is under way. */
  close(): void {
    this.#executor.force();
  }

  async #nodeOf(worker: WorkerInfo, untilMs: number): Promise<TreeNode> {
    const about = {
      ...{ name: worker.name, kind: "component" as const },
      detail: plainLine(`not owned by this process: on ${worker.hostname}, pid ${worker.pid}`),
    };
    const ageMs = Math.max(0, this.#options.clock.wall() - worker.lastSeenAtMs);
    const silent = (unreachable: string): TreeNode => ({
      ...{ ...about, state: "running", ageMs, unreachable: plainLine(unreachable), children: [] },
    });
    if (worker.state === "lost" || worker.state === "refused") {
      return silent(`${worker.state}${worker.reason === null ? "" : `: ${worker.reason}`}`);
    }
    try {
      const tree = await this.#executor.run((signal) => this.#ask(worker, { untilMs, signal }), {
        deadlineMs: TREE_MS,
      });
      return { ...about, state: tree.state, ageMs: tree.ageMs, children: [tree] };
    } catch (error) {
      return silent(whyOf(error, worker));
    }
  }

  async #ask(
    worker: WorkerInfo,
    { untilMs, signal }: { untilMs: number; signal: AbortSignal },
  ): Promise<TreeNode> {
    const leftMs = untilMs - this.#options.clock.now();
    if (leftMs <= 0) {
      throw new IrisError("timeout", `not asked: others took all of the ${TREES_MS / 1_000} s`);
    }
    const { url, token, certificate } = worker;
    return parseTree(
      await this.#options.post({ url, token, certificate, path: "/v1/tree" }, {}, signal),
    );
  }
}

/** The names of all components of a tree. */
function componentsOf(tree: TreeNode): Set<string> {
  const names = new Set<string>();
  const visit = (node: TreeNode) => {
    if (node.kind === "component") names.add(node.name);
    node.children.forEach(visit);
  };
  visit(tree);
  return names;
}

function rank({ state, reason }: WorkerInfo): number {
  return state !== "alive" ? 0 : reason !== null ? 1 : 2;
}

function restOf(count: number, all: number): TreeNode {
  return {
    ...{ name: `${count} more`, kind: "component", state: "running", ageMs: 0 },
    unreachable: `not asked: see --workers ${all}`,
    children: [],
  };
}

/** Why a worker's tree cannot be had. */
function whyOf(error: unknown, { version }: WorkerInfo): string {
  if (!(error instanceof IrisError)) return fetchProblem(error);
  // A path that it does not know: it is of an older version.
  const isOld = typeof error.cause === "string" && error.cause.includes('"not_found"');
  return isOld ? `its version ${version} cannot tell its tree` : messageOf(error);
}
