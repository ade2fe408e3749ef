import { type Clock, systemClock, type Timer } from "../../src/base/clock.ts";
import { type KeeperBench, testKeeperLink } from "../contracts/keeper_link.ts";
import { shellSpec } from "../support/keeper_world.ts";
import { SimKeeper } from "./sim_keeper.ts";

function simKeeper(): KeeperBench {
  const codes = new Map<number, number>();
  const timers = new Set<Timer>();
  // What it still has to tell when a test is over nobody waits for.
  const clock: Clock = {
    now: () => systemClock.now(),
    wall: () => systemClock.wall(),
    setTimer(ms, fn) {
      const timer = systemClock.setTimer(ms, () => {
        timers.delete(timer);
        fn();
      });
      timers.add(timer);
      return timer;
    },
  };
  const keeper = new SimKeeper({
    worker: "w0",
    clock,
    world: {
      plan: () => ({ runMs: Infinity, code: 0, termMs: 2, stuck: false }),
      began: () => {},
      ended: () => {},
    },
  });
  // A task that is not there yet ends as soon as it is, as the real one does.
  const endSome = () => {
    for (const [index, code] of codes) {
      const process = keeper.running.find((one) => one.index === index);
      if (process === undefined) continue;
      codes.delete(index);
      keeper.finish(process.uid, code);
      return endSome();
    }
  };
  return {
    connect: () => {
      endSome();
      return Promise.resolve(keeper.connect());
    },
    spec: () => shellSpec("exit 0"),
    finish(index, code) {
      codes.set(index, code);
      endSome();
    },
    [Symbol.asyncDispose]() {
      for (const timer of timers) timer.cancel();
      return Promise.resolve();
    },
  };
}

testKeeperLink("the simulated keeper", simKeeper);
