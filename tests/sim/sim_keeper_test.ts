import { systemClock } from "../../src/base/clock.ts";
import { type KeeperBench, testKeeperLink } from "../contracts/keeper_link.ts";
import { shellSpec } from "../support/keeper_world.ts";
import { SimKeeper } from "./sim_keeper.ts";

function simKeeper(): KeeperBench {
  const codes = new Map<number, number>();
  const keeper = new SimKeeper({
    worker: "w0",
    clock: systemClock,
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
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

testKeeperLink("the simulated keeper", simKeeper);
