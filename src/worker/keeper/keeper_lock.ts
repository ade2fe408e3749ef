/**
 * `<worker folder>/keeper.lock`: one keeper at a time has a folder. The lock is the kernel's, so it
 * cannot outlive its holder; the file's text says who holds it, by pid and start time, so that a
 * pid that was used again is told apart. Held by the keeper, read by its worker.
 */
import { IrisError } from "../../base/errors.ts";
import { bootId, isSameProcess, processStartTime } from "../../host/proc.ts";

/** Who holds a folder. */
export interface KeeperNote {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: number;
  readonly boot: string;
  readonly version: string;
}

/** A lock that is held. */
export interface KeeperLock {
  /** Gives it back, and says that its holder left in order. */
  release(): void;
}

/**
 * Takes a folder for this process.
 *
 * @throws {IrisError} `conflict` when another keeper has it, naming its pid
 */
export function lockKeeper(folder: string, version: string): KeeperLock {
  const options = { read: true, write: true, create: true, mode: 0o600 } as const;
  const file = Deno.openSync(`${folder}/keeper.lock`, options);
  if (!file.tryLockSync(true)) {
    file.close();
    const pid = readKeeperNote(folder)?.pid ?? "unknown";
    throw new IrisError("conflict", `The folder ${folder} has a keeper already (pid ${pid})`);
  }
  const note: KeeperNote = {
    pid: Deno.pid,
    startTime: processStartTime(Deno.pid) ?? 0,
    boot: bootId(),
    version,
  };
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(`${JSON.stringify(note)}\n`));
  return {
    release() {
      try {
        file.truncateSync(0);
      } finally {
        file.close();
      }
    },
  };
}

/** Who last took a folder and has not left it in order; null when nobody, or when it is unreadable. */
export function readKeeperNote(folder: string): KeeperNote | null {
  try {
    const value: unknown = JSON.parse(Deno.readTextFileSync(`${folder}/keeper.lock`));
    if (typeof value !== "object" || value === null) return null;
    const { pid, startTime, boot, version } = value as Record<string, unknown>;
    if (typeof pid !== "number" || typeof startTime !== "number" || pid <= 1) return null;
    return { pid, startTime, boot: String(boot), version: String(version) };
  } catch {
    return null;
  }
}

/** The keeper that has a folder, if it lives: the process that took it, not one with its pid. */
export function liveKeeper(folder: string): KeeperNote | null {
  const note = readKeeperNote(folder);
  if (note === null || note.boot !== bootId()) return null;
  return isSameProcess(note.pid, note.startTime) ? note : null;
}
