/**
 * Where a task puts what it hands back (`src/wire/returned.ts`): a folder for each attempt that may
 * do so, made before it starts and gone with it. Used by the keeper, and by the worker's server for
 * what runs.
 */
import { makeFolder } from "../host/make_folder.ts";
import {
  MAX_PROGRESS_BYTES,
  MAX_RESULT_BYTES,
  parseProgress,
  resultProblem,
  type TaskProgress,
} from "../wire/returned.ts";
import { IrisError, messageOf } from "../base/errors.ts";

/** What was found of an attempt that is gone. */
export interface TakenReturn {
  /** As it travels; null when nothing was handed back. */
  readonly text: string | null;
  /** Why what was handed back is not kept, or null. */
  readonly problem: string | null;
}

/** Others may pass through the folder of all, and see nothing of it. */
const PASS_MODE = 0o711;

/** The folder of one attempt. */
function folderOf(worker: string, uid: string): string {
  return `${worker}/returns/${uid}`;
}

/**
 * Makes the folder of an attempt.
 *
 * @param worker the worker's folder
 * @param owner whose rights the attempt gets; null for the worker's own, `anyone` for what is in a
 *   container: on the host the worker's folder keeps others out
 * @returns the lines of the attempt's environment that name its files
 * @throws {IrisError} `launch` when it cannot be made
 */
export function makeReturnFolder(
  worker: string,
  uid: string,
  owner: { readonly uid: number; readonly gid: number } | "anyone" | null = null,
): string[] {
  const folder = folderOf(worker, uid);
  try {
    makeFolder(`${worker}/returns`, PASS_MODE);
    makeFolder(folder, 0o700);
    if (owner === "anyone") Deno.chmodSync(folder, 0o777);
    else if (owner !== null) Deno.chownSync(folder, owner.uid, owner.gid);
  } catch (error) {
    const message = `No folder for the task's result: ${messageOf(error)}`;
    throw new IrisError("launch", message, { cause: error });
  }
  return [
    `IRIS_RESULT_FILE=${folder}/result.json`,
    `IRIS_PROGRESS_FILE=${folder}/progress.json`,
  ];
}

/** Takes what an attempt handed back that is gone, and removes its folder. */
export function takeReturn(worker: string, uid: string): TakenReturn {
  const folder = folderOf(worker, uid);
  const progress = readProgress(worker, uid);
  const { json, problem } = readResult(`${folder}/result.json`);
  removeFolder(folder);
  if (json === null && progress === null) return { text: null, problem };
  const parts = [
    ...(json === null ? [] : [`"result":${json}`]),
    ...(progress === null ? [] : [`"progress":${JSON.stringify(progress)}`]),
  ];
  return { text: `{${parts.join(",")}}`, problem };
}

/** How far an attempt says that it is; null when it says nothing that makes sense. */
export function readProgress(worker: string, uid: string): TaskProgress | null {
  const file = `${folderOf(worker, uid)}/progress.json`;
  const found = readSmall(file, MAX_PROGRESS_BYTES);
  return found.text === null ? null : parseProgress(found.text, found.atMs);
}

/** Removes what an earlier keeper left: nothing of it runs any more. */
export function removeReturns(worker: string): void {
  removeFolder(`${worker}/returns`);
}

function readResult(file: string): { json: string | null; problem: string | null } {
  const found = readSmall(file, MAX_RESULT_BYTES);
  if (found.text === null) return { json: null, problem: found.problem };
  const problem = resultProblem(found.text);
  return problem === null
    ? { json: found.text, problem }
    : { json: null, problem: `its result ${problem}` };
}

type Small =
  | { readonly text: string; readonly atMs: number }
  | { readonly text: null; readonly problem: string | null };

/** Reads a file that a task wrote: no link, no pipe, and not more of it than is kept. */
function readSmall(file: string, maxBytes: number): Small {
  try {
    const info = Deno.lstatSync(file);
    if (!info.isFile) return { text: null, problem: "its result is no plain file" };
    if (info.size > maxBytes) {
      const problem = `its result has ${info.size} bytes: at most ${maxBytes} are kept`;
      return { text: null, problem };
    }
    return { text: Deno.readTextFileSync(file), atMs: info.mtime?.getTime() ?? 0 };
  } catch (error) {
    const none = error instanceof Deno.errors.NotFound;
    return { text: null, problem: none ? null : `its result cannot be read: ${messageOf(error)}` };
  }
}

function removeFolder(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch {
    // It was never made, or a task took it away.
  }
}
