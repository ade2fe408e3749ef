/** A job: how far it is, why not further, its tasks, what hangs together with it, and its log. */
import { IrisError } from "../../../base/errors.ts";
import type { JobView, TaskState, TaskView } from "../../../wire/api.ts";
import {
  ago,
  bytesText,
  cores,
  count,
  counted,
  countsText,
  durationText,
  lasted,
  linkTo,
  pathOf,
  percent,
  taskLink,
  wordOf,
} from "../format.ts";
import { logSection } from "../log_section.ts";
import { linesPerTask, readTail } from "../log_tail.ts";
import { type Html, markup, NOTHING, type Part, when } from "../markup.ts";
import {
  action,
  badge,
  empty,
  factList,
  pager,
  queryLink,
  STATE_ORDER,
  stateBar,
  table,
} from "../parts.ts";
import { numberIn } from "../query.ts";
import { fixed, live, type ViewContext, type ViewPage } from "../view.ts";
import { jobTable } from "./job_table.ts";
import { taskGrid } from "./task_grid.ts";
import { whyPanel } from "./why.ts";

/** Tasks on one page of a job. */
export const PAGE_TASKS = 100;
/** Jobs below a job that are shown. */
const CHILDREN = 50;
/** How long an explanation is good, and how often it is looked for, in ms. */
const EXPLAIN_MS = 1_000;
const PERIOD_MS = 2_000;

/** The job of an address. @throws {IrisError} `not_found` */
export function jobOf({ api, params }: ViewContext): JobView {
  const name = params.name ?? "";
  const job = api.job(name);
  if (job === null) throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
  return job;
}

/** See the head of this file. */
export function jobView(context: ViewContext): ViewPage {
  const job = jobOf(context);
  const { api, url } = context;
  const offset = numberIn(url.searchParams, "offset", job.replicas);
  const state = stateIn(url.searchParams);
  const lines = linesPerTask(job.replicas);
  return {
    title: job.name,
    nav: "jobs",
    periodMs: job.done ? null : PERIOD_MS,
    blocks: [
      live("head", () => head(context, job)),
      live("facts", () => facts(job)),
      live("why", () => why(context, job)),
      live("grid", () => taskGrid(api.board, job)),
      live("related", () => related(context, job)),
      fixed("log-part", async () => {
        const tail = await readTail(api, job.name, { task: null, tail: lines });
        return logSection({ tail, job: job.name, task: null, lines });
      }),
      live("tasks", () => tasks(context, job, { offset, state })),
    ],
  };
}

function stateIn(query: URLSearchParams): TaskState | null {
  const given = query.get("state");
  if (given === null || given === "") return null;
  const found = STATE_ORDER.find((state) => state === given);
  if (found !== undefined) return found;
  throw new IrisError(
    "invalid",
    `state must be one of ${STATE_ORDER.join(", ")}: it is "${given}"`,
  );
}

function head({ viewer }: ViewContext, job: JobView): Html {
  const { name, state, done, held } = job;
  const path = pathOf("/jobs", name);
  const acts: Html[] = [];
  if (!viewer.may("POST /jobs/:name/stop")) {
    // Who only looks is offered nothing else.
  } else if (!done) {
    if (held) acts.push(action({ path: `${path}/release`, label: "Release", back: path }));
    else acts.push(action({ path: `${path}/hold`, label: "Hold", back: path }));
    const sure =
      "Its tasks are asked to end, and killed after their grace. What waits is not started.";
    acts.push(action({ path: `${path}/stop`, label: "Stop", back: path, tone: "danger", sure }));
  } else if (state !== "SUCCEEDED") {
    const sure = "What did not succeed runs again, and only that, as a new job of this name.";
    acts.push(action({ path: `${path}/retry`, label: "Run again", back: path, sure }));
  }
  return markup`<p class="crumbs"><a href="/jobs" data-up>Jobs</a></p><div class="head"><h1>${name}</h1><span data-fact="state">${
    badge(state)
  }</span>${when(held && !done, () => badge("held"))}<div class="acts">${acts}</div></div>`;
}

function facts(job: JobView): Html {
  const { counts, replicas, spec, submittedAtMs, startedAtMs, endedAtMs, reason, done } = job;
  const ended = STATE_ORDER.slice(5).concat("SUCCEEDED").reduce(
    (sum, state) => sum + (counts[state] ?? 0),
    0,
  );
  const command = spec.argv.length > 0 ? spec.argv.join(" ") : spec.module === null ? "" : "module";
  const asks = [
    `${cores(spec.cpuMilli)} core${spec.cpuMilli === 1_000 ? "" : "s"}`,
    ...(spec.memoryBytes > 0 ? [bytesText(spec.memoryBytes)] : []),
    ...Object.entries(spec.resources).map(([name, n]) =>
      `${name} ${name === "disk" ? bytesText(n) : n / 1_000}`
    ),
  ].join(", ");
  const ending = !done && endedAtMs !== null ? "ended; its last processes are still going" : "";
  return markup`<div class="panel"><p>${stateBar(counts, replicas)}</p><p><b>${
    percent(ended, replicas)
  }</b> of ${counted(replicas, "task")} ended: <span data-fact="tasks">${
    countsText(counts)
  }</span></p>${
    factList([
      [
        "reason",
        // What waits has a part of its own that says why.
        reason === null || job.state === "PENDING"
          ? null
          : markup`<span class="${/FAIL|UNSCHED/.test(job.state) ? "bad" : ""}">${reason}</span>`,
      ],
      ["submitted", ago(submittedAtMs)],
      ["started", startedAtMs === null ? null : ago(startedAtMs)],
      ["took", startedAtMs === null ? null : lasted(startedAtMs, endedAtMs)],
      ["now", ending],
      ["command", command === "" ? null : markup`<code>${command.slice(0, 400)}</code>`],
      ["each task asks for", asks],
      ["band", spec.band],
      ["retries", `${count(spec.retries)} of failures, ${count(spec.lossRetries)} of losses`],
      ["at most at once", spec.maxRunning === null ? null : counted(spec.maxRunning, "task")],
      ["timeout", spec.timeoutMs === null ? null : durationText(spec.timeoutMs)],
      ["grace", durationText(spec.graceMs)],
      ["gang", spec.gang === null ? null : `by ${spec.gang.groupBy}`],
      [
        "constraints",
        spec.constraints.map(({ key, op, values, required }) =>
          `${required ? "" : "rather "}${key} ${op} ${values.join("|")}`.trim()
        ).join(", "),
      ],
    ])
  }</div>`;
}

async function why({ api, recent }: ViewContext, job: JobView): Promise<Html> {
  const waiting = (job.counts.PENDING ?? 0) > 0;
  if (job.done || !waiting) return NOTHING;
  try {
    const ask = () => api.explain(job.name);
    return whyPanel(await recent.get(`explain ${job.generation}`, EXPLAIN_MS, ask));
  } catch {
    return markup`<div class="panel dim">Why it is not further cannot be asked now.</div>`;
  }
}

function related({ api }: ViewContext, job: JobView): Html {
  const { generation, name, parent, retryOf, spec } = job;
  const parts: (readonly [string, Part | null])[] = [];
  const named = (of: number) => {
    const other = api.jobOf(of);
    return other === null
      ? "forgotten"
      : other.name === name
      ? markup`an earlier job of this name, ${badge(other.state)}`
      : markup`${linkTo("/jobs", other.name)} ${badge(other.state)}`;
  };
  if (parent !== null) parts.push(["started by", named(parent)]);
  if (retryOf !== null) parts.push(["runs again", named(retryOf)]);
  for (const { job: other, on } of spec.after) {
    const known = api.job(other);
    parts.push([
      `after the ${on} of`,
      markup`${linkTo("/jobs", other)} ${known === null ? "(forgotten)" : badge(known.state)}`,
    ]);
  }
  for (
    const { name: endpoint, task, address } of api.endpoints(generation, null).slice(0, CHILDREN)
  ) {
    parts.push([
      `endpoint ${endpoint}`,
      markup`<code>${address}</code> task ${taskLink(name, task)}`,
    ]);
  }
  const children = api.board.children(generation, name, CHILDREN);
  return markup`${
    when(parts.length > 0, () =>
      markup`<div class="panel"><h2>Hangs together with</h2>${factList(parts)}</div>`)
  }${
    when(children.length > 0, () =>
      markup`<div class="panel flush"><h2>Jobs that it started</h2>${
        jobTable(children, "Jobs that it started")
      }</div>`)
  }`;
}

function tasks(
  { api, url }: ViewContext,
  job: JobView,
  { offset, state }: { offset: number; state: TaskState | null },
): Html {
  const { counts, replicas, name, spec } = job;
  const total = state === null ? replicas : counts[state] ?? 0;
  const page = { offset, limit: PAGE_TASKS };
  const shown = state === null ? api.tasks(name, page) : api.board.tasksIn(job, [state], page);
  const chip = (text: string, n: number, to: TaskState | null) =>
    markup`<a class="chip" href="${queryLink(url, { state: to, offset: null })}#tasks"${
      state === to ? markup` aria-current="true"` : NOTHING
    }>${text} <span class="dim">${count(n)}</span></a>`;
  const chips = markup`<nav class="chips" aria-label="states of tasks">${
    chip("all", replicas, null)
  }${
    STATE_ORDER.filter((one) => (counts[one] ?? 0) > 0 || one === state)
      .map((one) => chip(wordOf(one), counts[one] ?? 0, one))
  }</nav>`;
  const columns = [
    { head: "Task", kind: "n" as const },
    { head: "State" },
    { head: "Attempt", kind: "n" as const },
    { head: "Worker", kind: "wide" as const },
    { head: "Started" },
    { head: "Took", kind: "n" as const },
    { head: "End", kind: "main" as const },
  ];
  const path = pathOf("/jobs", name);
  const rows = shown.map((task) => ({
    key: `task-${task.index}`,
    href: `${path}/tasks/${task.index}`,
    cells: [
      taskLink(name, task.index),
      badge(task.state),
      task.attempt ?? "",
      linkTo("/workers", task.worker),
      ago(task.startedAtMs),
      lasted(task.startedAtMs, task.endedAtMs),
      endOf(task, spec.entries?.[task.index]),
    ],
  }));
  return markup`<div class="panel flush"><div class="head"><h2>Tasks</h2>${chips}</div>${
    rows.length === 0 ? empty("No task is like that.") : table(columns, rows, "Tasks")
  }${pager(url, { offset, limit: PAGE_TASKS, total })}</div>`;
}

/** How a task ended: cause, code, and what else is to be said. */
export function endOf(
  { endCause, exitCode, detail, state }: TaskView,
  entry: string | undefined,
): Html {
  const cause = endCause === null
    ? ""
    : exitCode === null
    ? wordOf(endCause)
    : `${wordOf(endCause)} ${exitCode}`;
  const bad = state === "FAILED" || state === "WORKER_FAILED";
  return markup`<span class="${bad ? "bad" : ""}">${
    [cause, detail ?? ""].filter(Boolean).join(": ")
  }</span>${
    when(entry !== undefined, () => markup` <code class="dim">${entry!.slice(0, 120)}</code>`)
  }`;
}
