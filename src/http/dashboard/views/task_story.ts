/** What happened to a task: each try with where, how long and how it ended, and what became of it. */
import type { EventView, JobView, TaskDetail } from "../../../wire/api.ts";
import { clockTime, durationText, linkTo, wordOf } from "../format.ts";
import { type Html, markup, NOTHING, type Part } from "../markup.ts";
import type { ViewContext } from "../view.ts";
import { endOf } from "./job_view.ts";

/** Tries that are told of, at most. */
const MAX_STORY = 200;

/** A line of the story. */
interface Line {
  readonly key: string;
  readonly state: string;
  readonly atMs: number;
  readonly text: Part;
}

/** What was charged for a try, and so far. */
interface Charges {
  readonly failures: number;
  readonly losses: number;
  readonly crashes: number;
}

const NO_CHARGES: Charges = { failures: 0, losses: 0, crashes: 0 };

/** The story, oldest first. */
export function storyPanel({ api }: ViewContext, job: JobView, task: TaskDetail): Html {
  const events = api.board.taskStory(job.generation, task.index, MAX_STORY);
  const lines: Line[] = [
    { key: "submitted", state: "PENDING", atMs: job.submittedAtMs, text: "submitted" },
  ];
  let before = NO_CHARGES;
  for (const event of events) {
    if (event.kind !== "task_retried") continue;
    const { data } = event;
    const now = {
      failures: Number(data.failures),
      losses: Number(data.losses),
      crashes: Number(data.crashes),
    };
    lines.push(...triedLines(event, { before, now, job }));
    before = now;
  }
  if (task.startedAtMs !== null) {
    const text = markup`attempt ${task.attempt ?? 0} began${onWorker(task.worker)}`;
    lines.push({ key: `began-${task.attempt}`, state: "RUNNING", atMs: task.startedAtMs, text });
  }
  if (task.endedAtMs !== null) {
    const text = markup`${wordOf(task.state)} ${endOf(task, undefined)}`;
    lines.push({ key: "end", state: task.state, atMs: task.endedAtMs, text });
  }
  lines.sort((a, b) => a.atMs - b.atMs);
  return markup`<div class="panel"><h2>What happened</h2><ol class="story">${
    lines.map(({ key, state, atMs, text }) =>
      markup`<li data-key="${key}" class="s-${state}"><span class="dim">${
        clockTime(atMs)
      }</span> ${text}</li>`
    )
  }</ol></div>`;
}

/** A try after which there is another one: when it began, as far as that was told, and how it ended. */
function triedLines(
  { cursor, atMs, data, worker }: EventView,
  of: { before: Charges; now: Charges; job: JobView },
): Line[] {
  const { attempt, cause, code, detail, startedAtMs } = data;
  const [state, what] = whatBecame(of);
  const told = typeof attempt === "number";
  const began = told && typeof startedAtMs === "number" ? startedAtMs : null;
  const codeText = cause === "exit"
    ? ` ${code}`
    : cause === "signal"
    ? ` ${Number(code) - 128}`
    : "";
  const took = began === null ? "" : ` after ${durationText(atMs - began)}`;
  const more = typeof detail === "string" ? `: ${detail}` : "";
  const text = told
    ? markup`attempt ${attempt} ended${onWorker(worker)}${took}: <b>${
      wordOf(String(cause))
    }${codeText}</b>${more}; ${what}`
    : what;
  const end = { key: cursor, state, atMs, text };
  if (began === null) return [end];
  const start = markup`attempt ${String(attempt)} began${onWorker(worker)}`;
  return [{ key: `began-${attempt}`, state: "RUNNING", atMs: began, text: start }, end];
}

function whatBecame(
  { before, now, job: { spec } }: { before: Charges; now: Charges; job: JobView },
): [state: string, text: string] {
  if (now.failures > before.failures) {
    return ["FAILED", `failed: tried again (${now.failures} of ${spec.retries} retries)`];
  }
  if (now.crashes > before.crashes) {
    const of = `${now.crashes} of ${spec.crashRetries}`;
    return ["WORKER_FAILED", `its worker died under it: started anew (${of})`];
  }
  return ["PREEMPTED", `not its own doing: started anew (${now.losses} of ${spec.lossRetries})`];
}

function onWorker(worker: string | null): Html {
  return worker === null ? NOTHING : markup` on ${linkTo("/workers", worker)}`;
}
