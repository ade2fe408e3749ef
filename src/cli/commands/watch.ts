/**
 * `iris watch`: a cluster as it is now, and now. At a terminal on a screen of its own, elsewhere a line
 * at each look.
 */
import { sleep, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import { FullScreen } from "../../host/full_screen.ts";
import { atTerminal } from "../../host/own_terminal.ts";
import type { CliContext } from "../context.ts";
import { interruptible } from "../interrupt.ts";
import { factsLine, factsOf, type Moment, watchLines } from "../output/watch_screen.ts";
import { INTERRUPTED } from "./submit_job.ts";

/** Jobs in each state that are looked at. */
const MAX_JOBS = 200;
/** Jobs that ended, for whoever looks a moment later. */
const LATELY = 20;
/** How long an answer may take before what is shown is called stale, in ms. */
const ANSWER_MS = 5_000;

/** How it looks. */
export interface WatchOptions {
  readonly intervalMs: number;
  /** Looks; without end when left out. */
  readonly count: number | undefined;
  readonly json: boolean;
}

/** Watches. @returns the exit code */
export async function watchCluster(
  context: CliContext,
  client: IrisClient,
  options: WatchOptions,
): Promise<number> {
  if (!options.json && options.count === undefined && isScreen(context)) {
    const code = await onScreen(context, client, options);
    // A read of a key is under way, which ends no other way.
    Deno.exit(code);
  }
  return await interruptible((signal) => inLines(context, client, { ...options, signal }));
}

/** Whether there is a screen that can be drawn on. */
function isScreen({ env }: CliContext): boolean {
  return atTerminal() && env("TERM") !== "dumb";
}

async function look(client: IrisClient): Promise<Moment> {
  const [workers, running, pending, newest] = await Promise.all([
    client.workers(),
    client.jobs({ state: "RUNNING", limit: MAX_JOBS }),
    client.jobs({ state: "PENDING", limit: MAX_JOBS }),
    client.jobs({ limit: LATELY }),
  ]);
  return {
    ...{ atMs: systemClock.wall(), workers },
    active: [...running, ...pending],
    more: running.length === MAX_JOBS || pending.length === MAX_JOBS,
    done: newest.filter(({ state }) => state !== "RUNNING" && state !== "PENDING"),
  };
}

async function inLines(
  context: CliContext,
  client: IrisClient,
  of: WatchOptions & { signal: AbortSignal },
): Promise<number> {
  for (let left = of.count ?? Infinity; left > 0; left--) {
    const moment = await look(client);
    const facts = factsOf(moment);
    const time = new Date(moment.atMs).toISOString();
    context.out(of.json ? JSON.stringify(facts) : `${time} ${factsLine(facts, moment.more)}`);
    if (left > 1 && !(await sleep(systemClock, of.intervalMs, of.signal))) return INTERRUPTED;
  }
  return 0;
}

async function onScreen(
  context: CliContext,
  client: IrisClient,
  { intervalMs }: WatchOptions,
): Promise<number> {
  // What cannot be reached at all is said on the terminal as it is.
  let moment = await look(client);
  let problem: string | null = null;
  const over = Promise.withResolvers<number>();
  const ended = new AbortController();
  const draw = () =>
    screen.draw(watchLines(moment, {
      rows: screen.size.rows,
      // What is erased behind a line that fills its row would take its last letter along.
      columns: Math.max(1, screen.size.columns - 1),
      ...{ color: context.color === true, url: client.url, problem },
    }));
  const screen = new FullScreen({
    onRedraw: () => draw(),
    onKey: (key) => {
      if (key === "q" || key === "Q") over.resolve(0);
    },
    onEnd: () => over.resolve(INTERRUPTED),
  });
  const looking = (async () => {
    while (!ended.signal.aborted) {
      draw();
      await sleep(systemClock, intervalMs, ended.signal);
      try {
        moment = await withinTime(look(client));
        problem = null;
      } catch (error) {
        problem = messageOf(error);
      }
    }
  })();
  try {
    return await Promise.race([over.promise, looking.then(() => 0)]);
  } finally {
    ended.abort();
    screen.giveBack();
  }
}

/** A controller that takes long is as good as none, for somebody who watches. */
async function withinTime<T>(answer: Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(ANSWER_MS);
  const { orAborted } = await import("../../base/or_aborted.ts");
  return await orAborted(answer, limit);
}
