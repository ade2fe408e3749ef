/**
 * The name of a worker: the same at every start of one state folder, since what an earlier process
 * left there is known to the controller under it. Runs in main.
 */
import { IrisError } from "../../base/errors.ts";
import type { StateDir } from "../../host/state_dir.ts";

/** The longest name, in characters. */
const MAX_CHARS = 64;

/**
 * The name that this state folder has kept; at its first start what was given, else the host's.
 *
 * @throws {IrisError} `usage` when a name was given that is none, or that is not the folder's
 */
export function workerName(
  state: Pick<StateDir, "id" | "path">,
  of: { given: string | undefined; hostname: string },
): string {
  const { given, hostname } = of;
  if (given !== undefined && !/^[\w-]{1,64}$/.test(given)) {
    throw new IrisError(
      "usage",
      `Invalid --name: "${given}" is not 1 to ${MAX_CHARS} letters, digits, "-" and "_"`,
      { field: "--name" },
    );
  }
  const name = state.id(
    "worker-name",
    () => given ?? (hostname.replaceAll(/[^\w-]/g, "-").slice(0, MAX_CHARS) || "worker"),
  );
  if (given === undefined || given === name) return name;
  throw new IrisError(
    "usage",
    `Invalid --name: ${state.path} belongs to the worker ${name}; give ${given} a --state-dir of its own`,
    { field: "--name" },
  );
}
