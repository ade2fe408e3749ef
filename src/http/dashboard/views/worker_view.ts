/** A worker: what it is, what its host uses, what it works on, and what happened to it. */
import { IrisError } from "../../../base/errors.ts";
import type { WorkerHolding } from "../../../controller/board_api.ts";
import type { WorkerView } from "../../../wire/api.ts";
import { bytesText, cores, count, counted, linkTo, pathOf, taskLink } from "../format.ts";
import { type Html, markup, NOTHING, when } from "../markup.ts";
import { action, badge, chart, empty, factList, table } from "../parts.ts";
import { columnsOf } from "../series.ts";
import { live, type ViewContext, type ViewPage } from "../view.ts";
import { eventTable } from "./event_table.ts";
import { standingOf } from "./workers_view.ts";

/** How often the page is rendered, in ms: its host says anew what it uses. */
const PERIOD_MS = 2_000;
/** Kinds of attempts, and ranges of each, that are shown. */
const HOLDINGS = 100;
const RANGES = 20;
const EVENTS = 20;

/** See the head of this file. */
export function workerView(context: ViewContext): ViewPage {
  const worker = workerOf(context);
  return {
    title: worker.name,
    nav: "workers",
    periodMs: PERIOD_MS,
    blocks: [
      live("head", () => head(context, worker)),
      live("facts", () => facts(context, worker)),
      live("usage", () => usage(context, worker)),
      live("tasks", () => holdings(context, worker)),
      live("events", () => events(context, worker)),
    ],
  };
}

/** @throws {IrisError} `not_found` */
function workerOf({ api, params }: ViewContext): WorkerView {
  const found = api.workers().find(({ name }) => name === params.name);
  if (found !== undefined) return found;
  throw new IrisError("not_found", `No such worker: ${params.name}`, { field: "name" });
}

function head({ viewer }: ViewContext, worker: WorkerView): Html {
  const { name, drained, setAside } = worker;
  const path = pathOf("/workers", name);
  const may = viewer.may("POST /workers/:name/drain");
  const release = !may || drained === null && setAside === null
    ? NOTHING
    : action({ path: `${path}/release`, label: "Release", back: path });
  const drain = !may || drained !== null ? NOTHING : action({
    ...{ path: `${path}/drain`, label: "Drain", back: path },
    sure: "It gets no new tasks; what runs there goes on to its end.",
    field: { name: "why", label: "Why (for others who look)" },
  });
  return markup`<p class="crumbs"><a href="/workers" data-up>Workers</a></p><div class="head"><h1>${name}</h1>${
    badge(standingOf(worker))
  }<div class="acts">${release}${drain}</div></div>`;
}

function facts({ api }: ViewContext, worker: WorkerView): Html {
  const { hostname, version, pid, url, reason, running, backlog, setAside, attributes } = worker;
  const vm = api.fleet.vms({ gone: false }).find(({ vm }) => vm === worker.name);
  const resources = Object.entries(worker.resources).map(([name, n]) =>
    `${name} ${name === "disk" ? bytesText(n) : n / 1_000}`
  );
  return markup`<div class="panel">${
    when(reason !== null, () => markup`<p class="notice">It gets nothing new: ${reason!}</p>`)
  }${
    factList([
      ["running", counted(running, "task")],
      ["given ahead", counted(backlog, "task")],
      ["offers", `${cores(worker.cpuMilli)} cores, ${bytesText(worker.memoryBytes)}`],
      ["resources", resources.join(", ")],
      ["host", `${hostname} (pid ${pid})`],
      ["address", markup`<code>${url}</code>`],
      ["version", version],
      ["VM", vm === undefined ? null : linkTo("/vms", vm.vm)],
      [
        "tried again",
        setAside === null
          ? null
          : markup`<time datetime="${new Date(setAside.untilMs).toISOString()}" data-until>${
            new Date(setAside.untilMs).toISOString()
          }</time>`,
      ],
    ])
  }<p class="attributes" data-fact="attributes">${
    Object.entries(attributes).sort().map(([key, value]) => markup`<code>${key}=${value}</code> `)
  }</p></div>`;
}

function usage({ usages, series }: ViewContext, worker: WorkerView): Html {
  const used = usages.known([worker]).get(worker.name);
  if (used === undefined) return NOTHING;
  const { cpuMilli, memoryBytes, memoryTotalBytes, diskBytes, diskTotalBytes, load } = used;
  const busy = cpuMilli === null ? null : cpuMilli / 1_000;
  const points = series.add(`host ${worker.name}`, [used.atMs, busy, memoryBytes], PERIOD_MS / 2);
  const [times = [], cpu = [], memory = []] = columnsOf(points, 2);
  return markup`<div class="cols"><div class="panel">${
    chart({
      ...{ id: "chart-cpu", label: "Processor", unit: "cores", data: [times, cpu] },
      series: [{ name: "cores busy", state: "RUNNING" }],
      words: `${busy === null ? "?" : busy.toFixed(1)} of ${
        cores(worker.cpuMilli)
      } cores busy, load ${load.toFixed(1)}`,
    })
  }</div><div class="panel">${
    chart({
      ...{ id: "chart-memory", label: "Memory", unit: "bytes", data: [times, memory] },
      series: [{ name: "in use", state: "BUILDING" }],
      words: `${bytesText(memoryBytes)} of ${bytesText(memoryTotalBytes)}; disk ${
        bytesText(diskBytes)
      } of ${bytesText(diskTotalBytes)}`,
    })
  }</div></div>`;
}

function holdings({ api, viewer: { user } }: ViewContext, { name }: WorkerView): Html {
  const held = api.board.heldBy(name, { user, limit: HOLDINGS });
  const rows = held.map(({ job, attempt, state, ranges }) => ({
    key: `${job}-${attempt}-${state}`,
    href: pathOf("/jobs", job),
    cells: [
      badge(state),
      linkTo("/jobs", job),
      count(ranges.reduce((sum, [from, to]) => sum + to - from, 0)),
      String(attempt),
      rangesOf(job, ranges),
    ],
  }));
  const columns = [
    { head: "State" },
    { head: "Job", kind: "main" as const },
    { head: "Tasks", kind: "n" as const },
    { head: "Attempt", kind: "n" as const },
    { head: "Which", kind: "wide" as const },
  ];
  return markup`<div class="panel flush"><h2>Works on</h2>${
    rows.length === 0
      ? empty("It has nothing to do.")
      : table(columns, rows, "Tasks of this worker")
  }</div>`;
}

function rangesOf(job: string, ranges: WorkerHolding["ranges"]): Html {
  const shown = ranges.slice(0, RANGES).map(([from, to]) =>
    to - from === 1
      ? markup`${taskLink(job, from)} `
      : markup`${taskLink(job, from)}–${taskLink(job, to - 1)} `
  );
  return markup`${shown}${
    when(ranges.length > RANGES, () => markup`and ${counted(ranges.length - RANGES, "range")} more`)
  }`;
}

function events({ api, viewer: { user } }: ViewContext, { name }: WorkerView): Html {
  const query = { before: null, kinds: [], job: null, worker: name, user, limit: EVENTS };
  const found = api.board.events(query);
  return when(
    found.length > 0,
    () =>
      markup`<div class="panel flush"><h2>What happened to it</h2>${
        eventTable(found, "Events of this worker")
      }</div>`,
  );
}
