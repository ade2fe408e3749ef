/**
 * The scheduling loop: passes on request. Runs in the scheduling isolate and keeps nothing from one
 * pass to the next, so that it can be started again at any time.
 */
import { observe } from "../base/metrics.ts";
import type { LoopBody } from "../lifecycle/loop.ts";
import { place } from "../scheduler/place.ts";
import { CORE_CHANNEL, type FromScheduling, type ToScheduling } from "./messages.ts";

/** How often the loop says that it is alive, in ms. */
const TICK_MS = 500;

/** The body of the scheduling loop. */
export function schedulingLoop(): LoopBody {
  return async (context) => {
    const { signal, clock } = context;
    const core = context.channel<ToScheduling, FromScheduling>(CORE_CHANNEL);
    const over = Promise.withResolvers<void>();
    core.onMessage(({ pass, input }) => {
      try {
        const fromMs = clock.now();
        const placement = place(input);
        observe("iris_scheduling_pass_seconds", (clock.now() - fromMs) / 1_000);
        core.post({ type: "placed", pass, placement });
      } catch (error) {
        over.reject(error);
      }
    });
    const tick = () => {
      context.tick();
      timer = clock.setTimer(TICK_MS, tick);
    };
    let timer = clock.setTimer(TICK_MS, tick);
    const onAbort = () => over.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    core.post({ type: "hello" });
    context.ready();
    try {
      await over.promise;
    } finally {
      timer.cancel();
      core.onMessage(null);
      signal.removeEventListener("abort", onAbort);
    }
  };
}
