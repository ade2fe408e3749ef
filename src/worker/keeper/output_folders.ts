/**
 * A folder for each attempt of a job that keeps what its tasks write: made before the attempt
 * begins, named to it as `IRIS_OUTPUT_DIR`. What becomes of it is the worker's business. Runs in the
 * keeper.
 */
import { makeFolder } from "../../host/make_folder.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { KeeperSpec } from "../keeper_link.ts";
import { outputsOf } from "../output_place.ts";
import type { AttemptKey } from "./attempt.ts";
import type { Holds } from "./holds.ts";

/** See the head of this file. */
export class OutputFolders {
  readonly #folder: string;
  readonly #holds: Pick<Holds, "give" | "runAs"> | null;
  /** Generations whose limit is written. */
  readonly #known = new Set<number>();

  /**
   * @param folder the worker's
   * @param holds whose tasks' the folders become; null for the worker's own user
   */
  constructor(folder: string, holds: Pick<Holds, "give" | "runAs"> | null = null) {
    this.#folder = folder;
    this.#holds = holds;
  }

  /**
   * Makes the folder of an attempt, if its job has any.
   *
   * @returns the lines for its environment
   * @throws {IrisError} `launch` when it cannot be made
   */
  begin({ generation, options }: KeeperSpec, { index, attempt }: AttemptKey): string[] {
    const limit = options?.outputBytes ?? null;
    if (limit === null) return [];
    const place = outputsOf(this.#folder);
    const folder = place.attempt({ generation, index, attempt });
    try {
      if (!this.#known.has(generation)) {
        // Before there is anything to keep it is known how much.
        makeFolder(place.root, 0o755);
        makeFolder(place.generation(generation), 0o755);
        Deno.writeTextFileSync(place.limit(generation), String(limit));
        this.#known.add(generation);
      }
      makeFolder(folder, 0o755);
      this.#holds?.give(folder);
      // A container's user may be any; on the host the worker's folder keeps others out.
      if (options?.container && !this.#holds?.runAs) Deno.chmodSync(folder, 0o777);
    } catch (error) {
      const message = `The folder for outputs could not be made: ${messageOf(error)}`;
      throw new IrisError("launch", message, { cause: error });
    }
    return [`IRIS_OUTPUT_DIR=${folder}`];
  }

  /** No attempt of this job begins any more. */
  forget(generation: number): void {
    this.#known.delete(generation);
  }
}
