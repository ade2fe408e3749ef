/**
 * Owners: the tree of everything that Iris started. Stopping an owner stops all below it, in order,
 * before one deadline, and says what did not stop. Runs in the isolate whose parts it owns.
 *
 * A stop closes the whole subtree at once. Then each node ends itself (its own activity is the
 * newest thing it has), then its stages in reverse start order, members of a stage together, each
 * as soon as the one before is over; then it is proved gone, and released. A part that overruns
 * its deadline is forced. `budget.ts` says how the time is divided.
 */
import type { Clock } from "../base/clock.ts";
import { addedUp, type Figures } from "../base/metrics.ts";
import type { Deadline } from "./deadline.ts";
import type { FailureHandler } from "./failures.ts";
import { Node, type TreeContext } from "./node.ts";
import type { NodeKind, NodeState, Part, StopCause, StopReport, TreeNode } from "./part.ts";
import { type Blocker, blockersOf, figuresOf, viewOf } from "./tree_view.ts";

export { OwnerClosedError, UnwindError } from "./owner_errors.ts";
export type { Blocker, FailureHandler };

/** What a tree is made with. */
export interface OwnerOptions {
  /** Drives every deadline of the tree. */
  readonly clock: Clock;
  /** What the root is; a component unless said otherwise. */
  readonly kind?: NodeKind;
  /**
   * Called when a part ended with an error, or left something over, and no handler on the way up
   * dealt with it. The root's report has it too.
   */
  readonly onFailure?: (error: unknown, path: string) => void;
  /** Called with an error of a step that was no longer waited for. */
  readonly onLate?: (error: unknown, path: string) => void;
  /** What a kill allows for verify, release and report, in ms. Default 1,000. */
  readonly killMs?: number;
  /** What unwinding a part that failed to start, or ended by itself, may take. Default 5,000. */
  readonly unwindMs?: number;
}

/** How something is owned. */
export interface OwnOptions {
  /**
   * Its stage: members of one stage stop together, higher stages first. Default: a new stage of its
   * own, after all present ones.
   */
  readonly stage?: number;
}

/** A node of the tree, as its part and its callers see it. */
export class Owner {
  readonly #node: Node;

  private constructor(node: Node) {
    this.#node = node;
  }

  /** A tree's root: running, and without a part of its own. */
  static root(name: string, options: OwnerOptions): Owner {
    const context: TreeContext = {
      clock: options.clock,
      onFailure: options.onFailure,
      onLate: options.onLate,
      killMs: options.killMs,
      unwindMs: options.unwindMs,
      face: (node) => new Owner(node),
    };
    return new Node({ name, kind: options.kind ?? "component" }, context).face;
  }

  get name(): string {
    return this.#node.part.name;
  }

  get kind(): NodeKind {
    return this.#node.part.kind;
  }

  get state(): NodeState {
    return this.#node.state;
  }

  /** Names from the root down, for instance `iris/controller/core`. */
  get path(): string {
    return this.#node.path;
  }

  get clock(): Clock {
    return this.#node.clock;
  }

  /** Aborted at rung close; its reason is the {@linkcode StopCause}. */
  get closing(): AbortSignal {
    return this.#node.closing;
  }

  /**
   * Starts a part and owns it. Start is all-or-nothing: when it fails, what the part owned has been
   * unwound in reverse when this rejects, and the part is no longer here.
   *
   * @returns the part's own node, once it is up
   * @throws {OwnerClosedError} when a stop came before or during the start; in the latter case it
   * rejects at once, and the stop unwinds what was started
   * @throws {unknown} what the start threw; an {@linkcode UnwindError} around it when the unwinding
   * was not clean
   */
  async own(part: Part, options: OwnOptions = {}): Promise<Owner> {
    return (await this.#node.own(part, options.stage)).face;
  }

  /**
   * Rung close alone, for an edge over which close and stop come as two messages: this node and
   * everything below it takes in nothing new from now on. A stop must follow.
   */
  close(cause: StopCause): void {
    this.#node.close(cause);
  }

  /**
   * Stops this node and everything below it. Never rejects. Later calls give the same promise, and
   * may only bring the deadline nearer.
   *
   * @param deadline by when all is over; a number is ms from now. A {@linkcode Deadline} is
   * followed when it comes nearer, and stays the caller's to dispose of
   * @returns what happened, as soon as all is down
   */
  stop(deadline: Deadline | number, cause: StopCause): Promise<StopReport> {
    return this.#node.stop(deadline, cause);
  }

  /**
   * Forces everything below now, newest stage first; verify, release and report still run, within
   * a second. Never rejects, may come at any time, and again.
   */
  kill(cause: StopCause = "kill"): Promise<StopReport> {
    return this.#node.kill(cause);
  }

  /** What is here and below now. */
  tree(): TreeNode {
    return viewOf(this.#node);
  }

  /** What was counted here and below, beyond edges too: this isolate's own is not among it. */
  figures(): Figures {
    return addedUp(figuresOf(this.#node));
  }

  /** While stopping: who is still waited for, and how long yet. The slowest comes first. */
  blockers(): Blocker[] {
    return blockersOf(this.#node);
  }

  /**
   * Deals with failures of what is below: parts that ended with an error or left something over.
   * A handler that answers true has dealt with it; otherwise the failure goes on up.
   *
   * @returns takes the handler back
   */
  handleFailures(handler: FailureHandler): () => void {
    const entry: FailureHandler = (error, path) => handler(error, path);
    this.#node.handlers.add(entry);
    return () => void this.#node.handlers.delete(entry);
  }
}
