/**
 * What a worker's folder remembers about itself: which cluster it belongs to, and which form its
 * files have. Read in main before anything is started; written in the lifecycle isolate.
 */
import { IrisError, messageOf } from "../base/errors.ts";

/** The form of the files in a worker's folder that this program writes and reads. */
export const FOLDER_FORMAT = 1;
/** The file, in the worker's folder. */
export const FOLDER_FILE = "worker.json";

/** What is remembered. */
export interface WorkerFolder {
  readonly format: number;
  /** The cluster whose tasks ran here; null before the first registration. */
  readonly cluster: string | null;
  /** Of the program that wrote this. */
  readonly version: string;
}

/**
 * Reads what a worker's folder remembers, and notes in it that this program uses it from now on.
 *
 * @throws {IrisError} `state_dir` when a newer program wrote it, or when it cannot be read
 */
export function openWorkerFolder(folder: string, version: string): WorkerFolder {
  const known = read(folder);
  if (known !== null && known.format > FOLDER_FORMAT) {
    throw new IrisError(
      "state_dir",
      `The worker folder ${folder} was written by Iris ${known.version}, which is newer than ` +
        `this one (${version}): use that version, or another --state-dir`,
      { field: "--state-dir" },
    );
  }
  const now: WorkerFolder = { format: FOLDER_FORMAT, cluster: known?.cluster ?? null, version };
  if (JSON.stringify(known) !== JSON.stringify(now)) write(folder, now);
  return now;
}

/** Remembers which cluster a worker belongs to. */
export function rememberCluster(folder: string, of: { cluster: string; version: string }): void {
  const { cluster, version } = of;
  const known = read(folder);
  if (known?.cluster === cluster) return;
  write(folder, { format: FOLDER_FORMAT, cluster, version });
}

function read(folder: string): WorkerFolder | null {
  const file = `${folder}/${FOLDER_FILE}`;
  try {
    const value = JSON.parse(Deno.readTextFileSync(file)) as Partial<WorkerFolder>;
    const { format, cluster = null, version = "unknown" } = value;
    const isText = cluster === null || typeof cluster === "string";
    if (typeof format !== "number" || !isText) throw new Error("it has another form");
    return { format, cluster, version };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new IrisError("state_dir", `${file} cannot be read: ${messageOf(error)}`, {
      field: "--state-dir",
      cause: error,
    });
  }
}

function write(folder: string, what: WorkerFolder): void {
  const file = `${folder}/${FOLDER_FILE}`;
  Deno.writeTextFileSync(`${file}.new`, `${JSON.stringify(what)}\n`, { mode: 0o600 });
  Deno.renameSync(`${file}.new`, file);
}
