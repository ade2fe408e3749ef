/** The first page: how the cluster does, what is wrong now, and what it works on. */
import type { TaskState } from "../../../wire/api.ts";
import { bytesText, cores, count, counted, lasted, percent } from "../format.ts";
import { type Html, markup, when } from "../markup.ts";
import { badge, chart, empty, meter, tile } from "../parts.ts";
import { columnsOf } from "../series.ts";
import { live, type ViewContext, type ViewPage } from "../view.ts";
import { jobTable } from "./job_table.ts";
import { problemList, problemsOf } from "./problems.ts";

/** Jobs of each list on this page. */
const JOBS = 12;
/** Points of the chart of what waits and runs are so far apart, in ms. */
const QUEUE_STEP_MS = 2_000;
/** How often the page is rendered though nothing was stored: hosts say anew what they use, in ms. */
const PERIOD_MS = 1_000;

const FAILED: readonly TaskState[] = [
  ...["FAILED", "WORKER_FAILED", "UNSCHEDULABLE", "COSCHED_FAILED"] as const,
];

/** See the head of this file. */
export function overviewView(context: ViewContext): ViewPage {
  return {
    title: "Overview",
    nav: "overview",
    periodMs: PERIOD_MS,
    blocks: [
      live("head", () => head(context)),
      live("wrong", () => wrong(context)),
      live("numbers", () => numbers(context)),
      live("charts", () => charts(context)),
      live("active", () => active(context)),
      live("ended", () => ended(context)),
    ],
  };
}

function head({ api, version }: ViewContext): Html {
  const { ok, closing } = api.health();
  const state = closing ? badge("stopping") : ok ? badge("well") : badge("ill");
  return markup`<div class="head"><h1>Overview</h1>${state}<span class="dim">Iris ${version}</span></div>`;
}

async function wrong(context: ViewContext): Promise<Html> {
  const problems = await problemsOf(context);
  if (problems.length === 0) {
    return markup`<div class="panel well"><span class="badge s-well">Nothing is wrong now</span></div>`;
  }
  return markup`<div class="panel"><h2>What is wrong now</h2>${problemList(problems)}</div>`;
}

function numbers(context: ViewContext): Html {
  return markup`<dl class="tiles">${[...workTiles(context), ...roomTiles(context)]}</dl>`;
}

/** What is done, and what waits. */
function workTiles({ api, viewer: { user } }: ViewContext): Html[] {
  const { tasks, jobs, oldestPendingMs } = api.board.counts(user);
  const lately = rates(api.board.throughput(user));
  const pending = (tasks.PENDING ?? 0) + (tasks.ASSIGNED ?? 0);
  const running = (tasks.RUNNING ?? 0) + (tasks.BUILDING ?? 0);
  return [
    tile({
      name: "Running",
      value: count(running),
      unit: running === 1 ? "task" : "tasks",
      note: `of ${counted(jobs.RUNNING ?? 0, "running job")}`,
      href: "/jobs?state=RUNNING",
    }),
    tile({
      name: "Waiting",
      value: count(pending),
      unit: pending === 1 ? "task" : "tasks",
      href: "/jobs?state=PENDING",
      note: oldestPendingMs === null
        ? "no job waits"
        : markup`longest for ${lasted(oldestPendingMs, null)}`,
    }),
    tile({
      name: "Throughput",
      value: lately.perSecond,
      unit: "tasks/s",
      note: "ended, in the last minute",
    }),
    tile({
      name: "Failed",
      value: count(lately.failed),
      unit: lately.failed === 1 ? "task" : "tasks",
      note: "in the last 10 minutes",
      href: "/jobs?state=FAILED",
    }),
  ];
}

/** Where it is done, and how much room there is. */
function roomTiles({ api, usages, viewer: { user } }: ViewContext): Html[] {
  const { cpuMilli, memoryBytes } = api.board.counts(user);
  const workers = api.workers();
  const there = workers.filter(({ state }) => state === "alive" || state === "suspect");
  const total = (of: (worker: (typeof there)[number]) => number) =>
    there.reduce((sum, worker) => sum + of(worker), 0);
  const [allCpu, allMemory] = [total((w) => w.cpuMilli), total((w) => w.memoryBytes)];
  // Workers of one host say the same of it.
  const used = usages.known(there);
  const known = new Map(there.flatMap(({ name, hostname }) => {
    const usage = used.get(name);
    return usage === undefined ? [] : [[hostname, usage.cpuMilli ?? 0] as const];
  }));
  const busy = [...known.values()].reduce((sum, cpu) => sum + cpu, 0) / 1_000;
  return [
    tile({
      name: "Cores asked for",
      value: cores(cpuMilli),
      unit: `of ${cores(allCpu)}`,
      note: markup`${
        meter(cpuMilli, allCpu, `${percent(cpuMilli, allCpu)} of all cores are asked for`)
      }${
        when(
          known.size > 0,
          () => markup`${busy.toFixed(1)} busy on ${counted(known.size, "host")}`,
        )
      }`,
    }),
    tile({
      name: "Memory asked for",
      value: bytesText(memoryBytes),
      unit: `of ${bytesText(allMemory)}`,
      note: meter(
        memoryBytes,
        allMemory,
        `${percent(memoryBytes, allMemory)} of all memory is asked for`,
      ),
    }),
    tile({
      name: "Workers",
      value: count(there.length),
      unit: `of ${count(workers.length)}`,
      note: "that are known answer",
      href: "/workers",
    }),
    tile({
      name: "VMs",
      value: count(api.fleet.vms({ gone: false }).length),
      note: `in ${counted(api.fleet.groups().length, "scale group")}`,
      href: "/vms",
    }),
  ];
}

function rates({ stepMs, points }: ReturnType<ViewContext["api"]["board"]["throughput"]>) {
  const sum = (from: typeof points, states?: readonly TaskState[]) =>
    from.reduce((all, { counts }) => {
      for (const [state, n] of Object.entries(counts)) {
        if (states === undefined || states.includes(state as TaskState)) all += n;
      }
      return all;
    }, 0);
  const minute = points.slice(-Math.round(60_000 / stepMs) - 1, -1);
  const perSecond = sum(minute) / 60;
  const text = perSecond >= 100 || perSecond === 0
    ? count(Math.round(perSecond))
    : perSecond.toPrecision(2);
  return { perSecond: text, failed: sum(points, FAILED) };
}

function charts({ api, series, nowMs, viewer: { user } }: ViewContext): Html {
  const { stepMs, points } = api.board.throughput(user);
  // The last step is not over yet.
  const done = points.slice(0, -1);
  const rate = (states: readonly string[]) =>
    done.map(({ counts }) =>
      Object.entries(counts).reduce(
        (sum, [state, n]) => states.includes(state) ? sum + n : sum,
        0,
      ) *
      1_000 / stepMs
    );
  const { tasks } = api.board.counts(user);
  const [waiting, running] = [
    (tasks.PENDING ?? 0) + (tasks.ASSIGNED ?? 0),
    (tasks.RUNNING ?? 0) + (tasks.BUILDING ?? 0),
  ];
  const queue = series.add(`queue ${user ?? ""}`, [nowMs, running, waiting], QUEUE_STEP_MS);
  return markup`<div class="cols"><div class="panel">${
    chart({
      id: "chart-ended",
      label: "Tasks ended",
      unit: "rate",
      words: "per second, last 10 minutes",
      data: [
        done.map(({ atMs }) => atMs / 1_000),
        rate(["SUCCEEDED"]),
        rate(FAILED),
        rate(["KILLED"]),
      ],
      series: [{ name: "succeeded", state: "SUCCEEDED" }, { name: "failed", state: "FAILED" }, {
        name: "killed",
        state: "KILLED",
      }],
    })
  }</div><div class="panel">${
    chart({
      id: "chart-queue",
      label: "Running and waiting",
      unit: "count",
      words: `tasks: ${counted(running, "task")} running, ${count(waiting)} waiting`,
      data: columnsOf(queue, 2),
      series: [{ name: "running", state: "RUNNING" }, { name: "waiting", state: "PENDING" }],
    })
  }</div></div>`;
}

function active({ api, viewer: { user } }: ViewContext): Html {
  const query = { text: "", user, endedSinceMs: null, offset: 0, limit: JOBS };
  const { jobs, total } = api.board.jobs({
    ...{ ...query, sort: "new" },
    states: ["RUNNING", "PENDING"],
  });
  const inside = total === 0
    ? empty("No job runs or waits.", markup`Start one: <code>iris job run -- COMMAND</code>`)
    : jobTable(jobs, "Jobs that run or wait");
  const more = total <= JOBS
    ? ""
    : markup`<p class="pager"><a href="/jobs?state=RUNNING,PENDING">All ${count(total)}</a></p>`;
  return markup`<div class="panel flush"><h2>Jobs that run or wait</h2>${inside}${more}</div>`;
}

function ended({ api, viewer: { user } }: ViewContext): Html {
  const query = { text: "", states: [], user, endedSinceMs: 0, offset: 0, limit: JOBS };
  const { jobs } = api.board.jobs({ ...query, sort: "ended" });
  return when(
    jobs.length > 0,
    () =>
      markup`<div class="panel flush"><h2>Jobs that ended lately</h2>${
        jobTable(jobs, "Jobs that ended lately")
      }</div>`,
  );
}
