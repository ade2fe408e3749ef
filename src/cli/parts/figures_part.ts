/** Main's end of a server's channel for figures: tells what the process counted. Runs in main. */
import { systemClock } from "../../base/clock.ts";
import { addedUp, type Figures, ownFigures, setGauge } from "../../base/metrics.ts";
import { PortChannel } from "../../lifecycle/channel.ts";
import {
  answerFigures,
  type FiguresAnswer,
  type FiguresQuestion,
} from "../../lifecycle/figures_channel.ts";
import type { Owner } from "../../lifecycle/owner.ts";
import type { Part } from "../../lifecycle/part.ts";
import { VERSION } from "../version.ts";

/** The answerer as a part. `of` is the node whose figures, with those of all below, are told. */
export function figuresPart(port: MessagePort, of: () => Owner): Part {
  const channel = new PortChannel<FiguresQuestion, FiguresAnswer>(port);
  return {
    name: "figures",
    kind: "resource",
    start() {
      answerFigures(channel, () => addedUp([of().figures(), mainFigures()]));
    },
    release() {
      channel.close();
    },
  };
}

/** What main counted, and what is to be said of the process as a whole. */
function mainFigures(): Figures {
  setGauge("iris_resident_memory_bytes", Deno.memoryUsage().rss);
  setGauge("iris_start_time_seconds", (systemClock.wall() - systemClock.now()) / 1_000);
  setGauge("iris_build_info", 1, VERSION, Deno.version.deno);
  return ownFigures();
}
