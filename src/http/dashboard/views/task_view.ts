/** A task: its tries and how they ended, what it uses, a terminal beside it, and its log. */
import { IrisError } from "../../../base/errors.ts";
import type { JobView, TaskDetail } from "../../../wire/api.ts";
import type { TaskProgress } from "../../../wire/returned.ts";
import { ago, bytesText, count, durationText, lasted, linkTo, pathOf, percent } from "../format.ts";
import { logSection } from "../log_section.ts";
import { linesPerTask, readTail } from "../log_tail.ts";
import { type Html, markup, NOTHING, type Part } from "../markup.ts";
import { badge, chart, factList, meter } from "../parts.ts";
import { columnsOf, type Point } from "../series.ts";
import { fixed, live, type ViewContext, type ViewPage } from "../view.ts";
import { endOf, jobOf } from "./job_view.ts";
import { storyPanel } from "./task_story.ts";

/** What a worker said of a task is good for so long, and looked for so often, in ms. */
const DETAIL_MS = 900;
const PERIOD_MS = 1_000;
/** What a terminal calls. */
const EXEC = "GET /api/v1/jobs/:name/tasks/:index/exec";
/** The longest result that is shown, in characters. */
const MAX_RESULT = 4_000;

/** See the head of this file. */
export function taskView(context: ViewContext): ViewPage {
  const job = jobOf(context);
  const index = indexOf(context, job);
  const { api, recent } = context;
  const { name, generation } = job;
  const detail = () =>
    recent.get(`task ${generation}/${index}`, DETAIL_MS, () => {
      return api.task(name, { index, signal: api.board.closed });
    });
  const path = `${pathOf("/jobs", name)}/tasks/${index}`;
  return {
    title: `${name}/${index}`,
    nav: "jobs",
    periodMs: job.done ? null : PERIOD_MS,
    blocks: [
      live("head", async () => head(job, await detail())),
      live("facts", async () => facts(await detail(), job)),
      live("usage", async () => usage(context, await detail())),
      live("story", async () => storyPanel(context, job, await detail())),
      fixed("terminal", async () => {
        const open = context.viewer.may(EXEC) && (await detail()).endedAtMs === null;
        return open ? terminal(`/api/v1${path}/exec`) : NOTHING;
      }),
      fixed("log-part", async () => {
        const lines = linesPerTask(1);
        const tail = await readTail(api, name, { task: index, tail: lines });
        return logSection({ tail, job: name, task: index, lines });
      }),
    ],
  };
}

function indexOf({ params }: ViewContext, { name, replicas }: JobView): number {
  const given = params.index ?? "";
  const index = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
  if (index < replicas) return index;
  throw new IrisError("not_found", `No such task: ${name}/${given}`, { field: "index" });
}

function head(job: JobView, { index, state }: TaskDetail): Html {
  const path = pathOf("/jobs", job.name);
  const step = (to: number, text: string, rel: string) =>
    to >= 0 && to < job.replicas
      ? markup`<a class="button" rel="${rel}" href="${path}/tasks/${to}">${text}</a>`
      : NOTHING;
  return markup`<p class="crumbs"><a href="/jobs">Jobs</a> › <a href="${path}" data-up>${job.name}</a></p><div class="head"><h1>Task ${index}</h1><span data-fact="state">${
    badge(state)
  }</span><div class="acts">${step(index - 1, "Previous task", "prev")}${
    step(index + 1, "Next task", "next")
  }</div></div>`;
}

function facts(task: TaskDetail, { spec, reason: why }: JobView): Html {
  const { attempt, worker, startedAtMs, endedAtMs, progress, result, used, index } = task;
  const entry = spec.entries?.[index];
  const text = result === null || result === undefined ? "" : JSON.stringify(result, null, 1);
  const items: (readonly [string, Part | null])[] = [
    ["waits", task.state === "PENDING" ? why ?? "for its turn" : null],
    ["attempt", attempt === null ? null : String(attempt)],
    ["worker", worker === null ? null : linkTo("/workers", worker)],
    ["started", startedAtMs === null ? null : ago(startedAtMs)],
    ["took", startedAtMs === null ? null : lasted(startedAtMs, endedAtMs)],
    ["end", task.endCause === null && task.detail === null ? null : endOf(task, undefined)],
    ["used", used === null ? null : usedText(used)],
    ["entry", entry === undefined ? null : markup`<code>${entry.slice(0, 400)}</code>`],
    ["result", text === "" ? null : markup`<code>${text.slice(0, MAX_RESULT)}</code>`],
  ];
  return markup`<div class="panel">${progress === null ? NOTHING : progressPart(progress)}${
    factList(items)
  }</div>`;
}

function usedText({ cpuMs, peakBytes }: NonNullable<TaskDetail["used"]>): string {
  const peak = peakBytes === null ? "" : `, at most ${bytesText(peakBytes)}`;
  return `${durationText(cpuMs)} of processor time${peak}`;
}

function progressPart({ fraction, done, total, message, atMs }: TaskProgress): Html {
  const share = fraction ?? (done !== null && total !== null && total > 0 ? done / total : null);
  const words = [
    share === null ? "" : percent(share, 1),
    done === null ? "" : total === null ? count(done) : `${count(done)} of ${count(total)}`,
    message ?? "",
  ].filter(Boolean).join(", ");
  return markup`<p data-fact="progress">${
    share === null ? NOTHING : meter(share, 1, words)
  }${words} <span class="dim">said ${ago(atMs)}</span></p>`;
}

function usage({ series }: ViewContext, task: TaskDetail): Html {
  if (task.usage === null) return NOTHING;
  const { atMs, cpuMs, memoryBytes, peakBytes, processes } = task.usage;
  const key = `usage ${task.generation}/${task.index}/${task.attempt}`;
  const points = series.add(key, [atMs, cpuMs, memoryBytes], PERIOD_MS);
  const [times = [], memory = []] = columnsOf(points.map(([at, , bytes]) => [at, bytes!]), 1);
  const [, cpu = []] = columnsOf(busy(points), 1);
  return markup`<div class="cols"><div class="panel">${
    chart({
      ...{ id: "chart-cpu", label: "Processor", unit: "cores", data: [times, cpu] },
      series: [{ name: "cores busy", state: "RUNNING" }],
      words: `${durationText(cpuMs)} of processor time so far, ${
        processes === 1 ? "1 process" : `${count(processes)} processes`
      }`,
    })
  }</div><div class="panel">${
    chart({
      ...{ id: "chart-memory", label: "Memory", unit: "bytes" },
      data: [times, memory],
      series: [{ name: "memory", state: "BUILDING" }],
      words: `${bytesText(memoryBytes)} now, at most ${bytesText(peakBytes)}`,
    })
  }</div></div>`;
}

/** Cores busy between a point and the one before it. */
function busy(points: readonly Point[]): Point[] {
  return points.map(([at, cpu], index) => {
    const [before, cpuBefore] = points[index - 1] ?? [];
    if (
      before === undefined || typeof cpu !== "number" || typeof cpuBefore !== "number" ||
      at <= before
    ) return [at, null];
    return [at, Math.max(0, (cpu - cpuBefore) / (at - before))];
  });
}

function terminal(path: string): Html {
  return markup`<div class="panel"><h2>Terminal</h2><form class="filters" data-exec="${path}" hidden><label>Command <input name="command" value="/bin/sh" aria-label="Command beside the task"></label><button class="button">Open</button><span class="dim" id="terminal-state" role="status">Runs beside the task, in its folder and with its environment.</span></form><noscript><p class="dim">Needs a script; or use <code>iris task exec</code>.</p></noscript><div class="screen" data-keep></div></div>`;
}
