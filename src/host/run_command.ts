/** Runs a short command of ours to its end, within a time. */
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { ownChild } from "./orphan_reaper.ts";
import { signalGroup } from "./process_group.ts";

/** How a command ended and what it said. */
export interface CommandEnd {
  /** Its exit code; null when it could not be started, or was killed when its time was over. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface RunOptions {
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** After this it is killed. */
  readonly timeoutMs: number;
  /** When it aborts the command is killed. */
  readonly signal?: AbortSignal;
  /**
   * In a session of its own: a Ctrl-C at our terminal is not one at its, and what it started is killed
   * with it.
   */
  readonly apart?: boolean;
}

/** Runs a command to its end. Never throws. */
export async function runCommand(
  argv: readonly string[],
  options: RunOptions,
): Promise<CommandEnd> {
  const [path = "", ...args] = argv;
  const { env, clock, timeoutMs, signal: abort, apart = false } = options;
  if (abort?.aborted) return { code: null, stdout: "", stderr: "" };
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(path, {
      ...{ args, env, clearEnv: true, detached: apart },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
  } catch (error) {
    return { code: null, stdout: "", stderr: messageOf(error) };
  }
  ownChild(child.pid);
  const kill = () => {
    try {
      // Not reaped yet, so the group is still its own.
      if (apart) signalGroup(child.pid, "SIGKILL");
      child.kill("SIGKILL");
    } catch {
      // It ended just now.
    }
  };
  const timer = clock.setTimer(Math.max(1, timeoutMs), kill);
  abort?.addEventListener("abort", kill, { once: true });
  try {
    const { code, signal, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return {
      code: signal === null ? code : null,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
    };
  } finally {
    timer.cancel();
    abort?.removeEventListener("abort", kill);
  }
}
