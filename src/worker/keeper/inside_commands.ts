/**
 * How the keeper gets at a task that runs inside of something, by the commands of its spec's `inside`
 * (`InsidePlan` of the runtimes says how they are called). Owns the process of a signal while it is
 * sent; runs in the keeper.
 */
import type { Clock } from "../../base/clock.ts";
import { IrisError } from "../../base/errors.ts";
import type { HeldProcess, HeldRequest, HeldSpawner } from "../../host/held_process.ts";
import type { ProcessEnd } from "../../host/spawner.ts";
import type { WorkerExecRequest } from "../../wire/exec.ts";
import type { TaskSignal } from "../../wire/signals.ts";
import { type Attempt, uidOf } from "./attempt.ts";
import { EXEC_MARKER } from "./exec_inside.ts";
import type { ExecTable } from "./exec_table.ts";
import { MARKER } from "./marker.ts";

/** How long a signal may take to be sent, in ms. */
const SIGNAL_MS = 4_000;
/** How many are sent at the same time. */
const AT_ONCE = 8;
/** How much of what a command says is told, in bytes. */
const SAID_BYTES = 500;

/** True for a task that is not its attempt's own processes. */
export function isInside({ spec }: Attempt): boolean {
  return (spec.inside ?? null) !== null;
}

/** What to start for a command inside, that is known by a marker there. */
export function launchInside(
  attempt: Attempt,
  { argv, terminal, term }: WorkerExecRequest,
  marker: string,
): HeldRequest {
  const command = commandInside(attempt, attempt.spec.inside?.execArgv ?? []);
  return {
    ...command,
    argv: [...command.argv, `${EXEC_MARKER}=${marker}`, ...argv],
    env: [
      ...command.env,
      ...(terminal === null ? [] : ["IRIS_EXEC_TTY=1"]),
      ...(terminal === null || term === null ? [] : [`IRIS_EXEC_TERM=${term}`]),
    ],
    terminal,
  };
}

/** By what powers signals are sent. */
export interface SignalPowers {
  readonly spawner: HeldSpawner;
  readonly execs: ExecTable;
  readonly clock: Clock;
}

/**
 * Sends a signal into each of some attempts.
 *
 * @returns why those did not get it that did not
 */
export async function signalEachInside(
  attempts: readonly Attempt[],
  signal: TaskSignal,
  powers: SignalPowers,
): Promise<IrisError[]> {
  const failures: IrisError[] = [];
  for (let at = 0; at < attempts.length; at += AT_ONCE) {
    const some = attempts.slice(at, at + AT_ONCE);
    const sent = await Promise.allSettled(some.map((one) => signalInto(one, signal, powers)));
    for (const one of sent) if (one.status === "rejected") failures.push(one.reason as IrisError);
  }
  return failures;
}

/** @throws {IrisError} `conflict` when it did not get there, in the words of who should bring it */
async function signalInto(
  attempt: Attempt,
  signal: TaskSignal,
  { spawner, execs, clock }: SignalPowers,
): Promise<void> {
  const command = commandInside(attempt, attempt.spec.inside?.signalArgv ?? []);
  const argv = [...command.argv, signal];
  const process = spawner.start({ ...command, argv, terminal: null });
  const { promise, resolve } = Promise.withResolvers<ProcessEnd>();
  execs.add({ pid: process.pid, uid: uidOf(attempt.started), onEnd: resolve });
  const timer = clock.setTimer(SIGNAL_MS, () => execs.kill(process.pid));
  try {
    const { code } = await promise;
    if (code === 0) return;
    const why = lastLine(process) || `it took longer than ${SIGNAL_MS / 1_000} s`;
    throw new IrisError("conflict", `The signal did not reach the task's container: ${why}`);
  } finally {
    timer.cancel();
    process.close();
  }
}

function commandInside(attempt: Attempt, argv: readonly string[]): HeldRequest {
  const marker = attempt.launch.extraEnv?.find((line) => line.startsWith(`${MARKER}=`)) ?? "";
  const env = Object.entries(attempt.spec.inside?.env ?? {})
    .map(([name, value]) => `${name}=${value}`);
  return { path: argv[0] ?? "", argv, env: [...env, marker], cwd: "/", terminal: null };
}

function lastLine(process: HeldProcess): string {
  const buffer = new Uint8Array(64 * 1024);
  const size = process.read("stderr", buffer);
  if (typeof size !== "number") return "";
  const lines = new TextDecoder().decode(buffer.subarray(0, size)).trim().split("\n");
  return (lines.at(-1) ?? "").slice(0, SAID_BYTES);
}
