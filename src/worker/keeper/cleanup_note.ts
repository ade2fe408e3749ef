/**
 * A note in the worker's folder that attempts may leave something behind that no look at processes
 * finds, and the command that ends it. Written before the first such attempt, removed by a keeper
 * that leaves nothing; whoever comes after a keeper that was killed finds it.
 */
import type { Clock } from "../../base/clock.ts";
import { runCommand } from "../../host/run_command.ts";
import type { CleanupPlan } from "../../runtimes/task_runtime.ts";

type Note = Pick<CleanupPlan, "sweepArgv" | "env">;

function pathIn(folder: string): string {
  return `${folder}/cleanup.json`;
}

/** Writes the note. A disk that is full shall not keep a task from starting. */
export function noteCleanup(folder: string, { sweepArgv, env }: Note): void {
  try {
    Deno.writeTextFileSync(pathIn(folder), JSON.stringify({ sweepArgv, env }), { mode: 0o600 });
  } catch {
    // What a killed keeper leaves then is found by nobody, as without the note.
  }
}

/** Removes the note: nothing is left. */
export function forgetCleanup(folder: string): void {
  try {
    Deno.removeSync(pathIn(folder));
  } catch {
    // There was none.
  }
}

/**
 * Ends what earlier keepers of this worker left, if there is a note.
 *
 * @param of.uid what the uids of the worker's attempts begin with, without the last dot
 * @returns what could not be ended, one line each; the note stays for the next try then
 */
export async function sweepNoted(
  of: { folder: string; uid: string; clock: Clock; timeoutMs: number },
): Promise<string[]> {
  const { folder, uid, clock, timeoutMs } = of;
  const note = readNote(folder);
  if (note === null) return [];
  const env = { ...note.env, IRIS_WORKER_UID: uid };
  const { stdout, stderr } = await runCommand(note.sweepArgv, { env, clock, timeoutMs });
  const lines = stdout.split("\n");
  const left = lines.filter((line) => line.startsWith("left ")).map((line) => line.slice(5));
  if (!lines.includes("done")) {
    left.push(`what earlier attempts ran in: ${stderr.trim().split("\n").at(-1) || "no answer"}`);
  }
  if (left.length === 0) forgetCleanup(folder);
  return left;
}

function readNote(folder: string): Note | null {
  try {
    return JSON.parse(Deno.readTextFileSync(pathIn(folder))) as Note;
  } catch {
    return null;
  }
}
