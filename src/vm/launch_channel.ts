/**
 * How a VM manager learns how workers are started: it asks main, which knows as soon as the
 * controller listens. Asked again after a restart of the VM manager.
 */
import type { Channel } from "../lifecycle/loop.ts";
import type { WorkerLaunch } from "./worker_launch.ts";

/** The name of the channel to main. */
export const LAUNCH_CHANNEL = "launch";

/** VM manager to main. */
export interface LaunchQuestion {
  readonly type: "launch?";
}

/** Main to VM manager. */
export interface LaunchAnswer {
  readonly type: "launch";
  readonly launch: WorkerLaunch;
}

/** Asks main, once for all who want to know. */
export function launchFrom(
  channel: Channel<LaunchAnswer, LaunchQuestion>,
): (signal: AbortSignal) => Promise<WorkerLaunch> {
  const known = Promise.withResolvers<WorkerLaunch>();
  let asked = false;
  channel.onMessage(({ launch }) => known.resolve(launch));
  return async (signal) => {
    if (!asked) channel.post({ type: "launch?" });
    asked = true;
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([known.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  };
}

/** Main's side: answers as soon as it is known; never, when it never is. */
export function answerLaunch(
  channel: Channel<LaunchQuestion, LaunchAnswer>,
  launch: Promise<WorkerLaunch>,
): void {
  channel.onMessage(() => {
    // owner: the channel, which drops what is posted once it is closed.
    void launch.then((launch) => channel.post({ type: "launch", launch }), () => {});
  });
}
