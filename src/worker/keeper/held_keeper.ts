/** A keeper that this process has: one that it started, or one that it adopted. Runs in main. */
import type { Clock } from "../../base/clock.ts";
import type { PipedProcess } from "../../host/piped_process.ts";
import { signalProcess } from "../../host/process_group.ts";
import { WatchedProcess } from "../../host/watched_process.ts";
import type { KeeperNote } from "./keeper_lock.ts";

/** See the head of this file. */
export interface HeldKeeper {
  readonly pid: number;
  /** The version of one that was adopted; null for one that this process started. */
  readonly adopted: string | null;
  readonly alive: boolean;
  /** Resolves when it is gone. */
  readonly ended: Promise<{ readonly how: string }>;
  /** Tells it to end, unless its worker has told it before. */
  askToEnd(): Promise<void>;
  /** It goes on, and holds this process no more. Twice does no harm, nor after its end. */
  leave(): Promise<void>;
}

/**
 * A keeper that this process started.
 *
 * @param options.terminate for one that the end of its stdin does not end
 */
export function ownKeeper(process: PipedProcess, options: { terminate: boolean }): HeldKeeper {
  let alive = true;
  const ended = process.ended.finally(() => alive = false);
  return {
    pid: process.pid,
    adopted: null,
    get alive() {
      return alive;
    },
    ended,
    async askToEnd() {
      // Not reaped yet, so the pid is still its own.
      if (options.terminate && alive) signalProcess(process.pid, "SIGTERM");
      await process.closeStdin();
    },
    leave: () => alive ? process.leave() : process.closeStdin(),
  };
}

/** A keeper that an earlier process of this worker started. */
export function adoptedKeeper(note: KeeperNote, clock: Clock): HeldKeeper {
  const process = new WatchedProcess(note, clock);
  return {
    pid: note.pid,
    adopted: note.version,
    get alive() {
      return process.alive;
    },
    ended: process.ended,
    askToEnd() {
      process.hurry();
      process.signal("SIGTERM");
      return Promise.resolve();
    },
    leave() {
      process.letGo();
      return Promise.resolve();
    },
  };
}
