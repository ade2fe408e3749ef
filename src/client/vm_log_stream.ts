/** Reading on in a VM's log, one held question after the other. */
import { sleep, systemClock } from "../base/clock.ts";
import { type ErrorCode, IrisError, messageOf } from "../base/errors.ts";
import { MAX_VM_LINES, MAX_VM_LOG_WAIT_MS } from "../wire/vm_limits.ts";
import type { VmLogLine, VmLogs, VmLogsRequest } from "../wire/vms.ts";

/** How a VM's log is followed. */
export interface FollowVmLogs {
  /** So many of the last lines come first; 500 when left out. */
  readonly tail?: number;
  readonly signal?: AbortSignal;
  /** Told once for each time that nobody answers, and when lines may be missing. */
  readonly onLost?: (why: string) => void;
  /** How long nobody may answer before it is given up, in ms. */
  readonly giveUpMs?: number;
}

/** Asks once. */
export type ReadVmLogs = (
  of: Partial<VmLogsRequest> & { readonly signal?: AbortSignal | undefined },
) => Promise<VmLogs>;

/** A VM manager that was killed may wait for half of that before it is taken again. */
const GIVE_UP_MS = 60_000;
/** Before it is asked again, in ms: doubled each time. */
const PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;
/** Errors after which it may go on. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["unavailable", "closing", "timeout"]);

/** See {@linkcode FleetClient.followVmLogs}. */
export async function* followVmLogs(
  read: ReadVmLogs,
  options: FollowVmLogs,
): AsyncGenerator<VmLogLine> {
  const { signal, onLost } = options;
  const first = options.tail === undefined ? {} : { tail: options.tail };
  let after: number | null = null;
  let lostAtMs: number | null = null;
  for (let tries = 0;; tries++) {
    try {
      const logs: VmLogs = await read({
        ...(after === null ? first : { after, tail: MAX_VM_LINES, waitMs: MAX_VM_LOG_WAIT_MS }),
        signal,
      });
      if (logs.lost) onLost?.("lines are missing here: they are not kept any more");
      yield* logs.lines;
      if (logs.over) return;
      if (logs.next === null) {
        const message =
          `The log of ${logs.vm} cannot be followed: its VM manager is of an older version`;
        throw new IrisError("incompatible", message);
      }
      after = logs.next;
      lostAtMs = null;
      tries = -1;
      continue;
    } catch (error) {
      signal?.throwIfAborted();
      if (!mayPass(error, after !== null)) throw error;
      const now = systemClock.now();
      if (lostAtMs === null) onLost?.(`${messageOf(error)}; trying again`);
      lostAtMs ??= now;
      if (now - lostAtMs >= (options.giveUpMs ?? GIVE_UP_MS)) {
        throw new IrisError("unavailable", `The log broke off: ${messageOf(error)}`);
      }
    }
    await sleep(systemClock, Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** tries), signal);
    signal?.throwIfAborted();
  }
}

/** A controller that begins anew knows no VM before the VM managers told it what they have. */
function mayPass(error: unknown, wasThere: boolean): boolean {
  if (!(error instanceof IrisError)) return error instanceof TypeError;
  return PASSING.has(error.code) || (wasThere && error.code === "not_found");
}
