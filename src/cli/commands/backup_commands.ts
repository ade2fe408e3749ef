/** `cluster backup` and `cluster restore`. Each answers with its exit code. */
import { exists } from "../../base/there.ts";
import { systemClock } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import { openStateDir } from "../../host/state_dir.ts";
import { checkBackup, restoreBackup } from "../../store/backup.ts";
import { type CliContext, note } from "../context.ts";

/** `cluster backup`: under its name only when it is whole and sound. */
export async function backupCluster(
  context: CliContext,
  client: IrisClient,
  options: { file: string; force: boolean; json: boolean; signal: AbortSignal },
): Promise<number> {
  const { file, force, json, signal } = options;
  if (!force && exists(file)) {
    throw new IrisError("usage", `${file} exists: choose another name, or give --force`, {
      field: "FILE",
    });
  }
  const part = `${file}.part`;
  try {
    const source = await client.backup(signal);
    const target = await openNew(part);
    await source.pipeTo(target.writable, { signal });
    checkBackup(part);
    await Deno.rename(part, file);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    if (signal.aborted) return 130;
    throw error;
  }
  const { size } = await Deno.stat(file);
  if (json) context.out(JSON.stringify({ file, bytes: size }));
  else note(context, `${file}: ${size} bytes, checked`);
  return 0;
}

/** `cluster restore`: only where no cluster runs. */
export async function restoreCluster(
  context: CliContext,
  options: { file: string; stateDir: string; force: boolean; json: boolean; dryRun: boolean },
): Promise<number> {
  const { file, force, json, dryRun } = options;
  checkBackup(file);
  if (dryRun) {
    const { wouldRestore } = await import("./would.ts");
    return wouldRestore(context, { database: `${options.stateDir}/iris.db`, file, json });
  }
  const state = openStateDir(options.stateDir);
  try {
    const database = `${state.path}/iris.db`;
    if (!force && exists(database)) {
      throw new IrisError(
        "usage",
        `${database} exists: give --force to keep it beside the new one`,
        {
          field: "--state-dir",
        },
      );
    }
    const { kept } = restoreBackup({ backup: file, database, wallMs: systemClock.wall() });
    if (json) context.out(JSON.stringify({ database, kept }));
    else {note(
        context,
        `${database} is restored${kept === null ? "" : `; the earlier one is ${kept}`}`,
      );}
    return 0;
  } finally {
    state.release();
  }
}

async function openNew(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  } catch (error) {
    throw new IrisError("usage", `${path} cannot be written: ${messageOf(error)}`, {
      field: "FILE",
      cause: error,
    });
  }
}
