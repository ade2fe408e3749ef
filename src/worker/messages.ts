/**
 * What a worker's isolates tell each other. The server isolate speaks HTTP and reads logs; the
 * lifecycle isolate decides. Plain data, by structured clone.
 */
import type { ErrorCode } from "../base/errors.ts";
import type { TreeNode } from "../lifecycle/part.ts";
import type { ReconcileRequest, ReconcileResponse } from "../wire/reconcile.ts";
import type { EndedFact, StartedFact } from "./keeper_link.ts";

/** Server to lifecycle. */
export type ToLifecycle =
  /** The server listens: when it began, perhaps at another address, and in answer to a hello. */
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "reconcile"; readonly id: number; readonly request: ReconcileRequest }
  /** Whoever made the call is gone: its answer would reach nobody. */
  | { readonly type: "abandoned"; readonly id: number };

/** Lifecycle to server. */
export type ToServer =
  /** A lifecycle loop began, perhaps anew: it does not know where the server listens. */
  | { readonly type: "hello" }
  | { readonly type: "response"; readonly id: number; readonly response: ReconcileResponse }
  | {
    readonly type: "refused";
    readonly id: number;
    readonly code: ErrorCode;
    readonly message: string;
  }
  /** Where output lies, for reading logs; `again` in the first of a lifecycle loop. */
  | {
    readonly type: "facts";
    readonly again: boolean;
    readonly started: readonly StartedFact[];
    readonly ended: readonly EndedFact[];
  }
  /** What is wrong with this worker, or null. */
  | { readonly type: "health"; readonly problem: string | null };

/** Server to main: what does this process own now? */
export interface TreeQuestion {
  readonly type: "tree";
  readonly id: number;
}

/** Main to server. */
export interface TreeAnswer extends TreeQuestion {
  readonly tree: TreeNode;
}

/** The name of the server's channel to main, at its own end. */
export const TREE_CHANNEL = "tree";

/** The name of the channel between both isolates, at either end. */
export const WORKER_CHANNEL = "worker";

/** What the lifecycle isolate says to its owner when it is up. */
export interface LifecycleReady {
  readonly keeperPid: number;
  readonly spawner: "posix_spawn" | "plain";
  readonly cgroup: string | null;
  /** How many attempts it took over. */
  readonly adopted: number;
}

/** What the server isolate says to its owner when it is up. */
export interface ServerReady {
  readonly url: string;
}
