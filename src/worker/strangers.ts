/**
 * Controllers that are not this worker's: told from its own, and each that calls said once. Runs in
 * the lifecycle isolate.
 */
import { IrisError } from "../base/errors.ts";
import { logger } from "../base/log.ts";

/** So many different things are said about controllers that were refused. */
const MAX_STRANGERS = 20;

/** See the head of this file. */
export class Strangers {
  readonly #told = new Set<string>();

  /** One was refused, for what the message says. */
  called(message: string): void {
    if (this.#told.has(message) || this.#told.size >= MAX_STRANGERS) return;
    this.#told.add(message);
    logger("worker").warn("a controller was refused: {message}", { message });
  }
}

/**
 * Checks that a controller which took a registration is the one to obey.
 *
 * @param own what the worker's folder and its state remember
 * @throws {IrisError} `conflict` for one of another cluster, or an earlier one
 */
export function checkController(
  { url, cluster, epoch }: { url: string; cluster: string; epoch: number },
  own: { cluster: string | null; epoch: number; folder: string },
): void {
  if (own.cluster !== null && own.cluster !== cluster) {
    throw new IrisError(
      "conflict",
      `The controller at ${url} is of cluster ${cluster}, but this worker's folder ` +
        `${own.folder} belongs to cluster ${own.cluster}: give that one's --controller, or ` +
        "another --state-dir",
    );
  }
  if (epoch < own.epoch) {
    throw new IrisError(
      "conflict",
      `The controller at ${url} is of epoch ${epoch}, but this worker obeyed one of ` +
        `epoch ${own.epoch}: a newer controller of the cluster runs, or ran`,
    );
  }
}
