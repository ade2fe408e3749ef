/** `--run-as`: whose rights tasks get, and that they can reach the folder they begin in. */
import { IrisError } from "../../base/errors.ts";
import type { RunAs } from "../../host/launch_step.ts";
import { blockedFolder, findUser } from "../../host/user.ts";

const FLAG = "--run-as";
/** Others may pass through a folder, and see nothing of it. */
const PASS_MODE = 0o711;

/**
 * The user that the flag names; undefined without one.
 *
 * @param uid whose process this is
 * @throws {IrisError} `usage` for a user that is not there, or when this process is not root
 */
export function runAsOf(text: string | undefined, uid = Deno.uid()): RunAs | undefined {
  if (text === undefined) return undefined;
  if (uid !== 0) {
    const message = `Invalid ${FLAG}: only a worker that runs as root can run tasks as others`;
    throw new IrisError("usage", message, { field: FLAG });
  }
  return findUser(text, FLAG);
}

/**
 * Lets a user pass through the worker's own folders to the one that tasks begin in.
 *
 * @param of.state the state folder
 * @param of.folder the worker's folder below it
 * @throws {IrisError} `usage` when a folder above shuts the user out
 */
export function openTo(runAs: RunAs, of: { state: string; folder: string }): void {
  const { state, folder } = of;
  let path = state;
  Deno.chmodSync(path, PASS_MODE);
  for (const name of folder.slice(state.length + 1).split("/")) {
    path = `${path}/${name}`;
    Deno.chmodSync(path, PASS_MODE);
  }
  const blocked = blockedFolder(folder, runAs);
  if (blocked === null) return;
  const message = `Invalid ${FLAG}: ${runAs.user} cannot pass ${blocked} to ${folder}: ` +
    "give another --state-dir";
  throw new IrisError("usage", message, { field: FLAG });
}
