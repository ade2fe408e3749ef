/** All workers: state, room, what their hosts use, and why one gets nothing new. */
import { IrisError } from "../../../base/errors.ts";
import type { WorkerView } from "../../../wire/api.ts";
import type { HostUsage } from "../../../wire/usage.ts";
import { ago, bytesText, cores, count, linkTo, pathOf, percent, wordOf } from "../format.ts";
import { type Html, markup, NOTHING, type Part } from "../markup.ts";
import { badge, type Column, empty, meter, pager, queryLink, table } from "../parts.ts";
import { numberIn } from "../query.ts";
import { fixed, live, type ViewContext, type ViewPage } from "../view.ts";

/** Workers on a page. */
const LIMIT = 50;
const MAX_OFFSET = 1_000_000;
const MAX_TEXT = 200;
/** Hosts say anew what they use so often, in ms. */
const PERIOD_MS = 2_000;
/** Who was heard so lately is simply there, in ms. */
const HEARD_MS = 5_000;

/** What a worker is, for who looks: what was decided about it comes before how it answers. */
export type Standing = WorkerView["state"] | "drained" | "set_aside" | "ill";

/** In this order: what is wrong comes first. */
const STANDINGS: readonly Standing[] = [
  ...["lost", "refused", "suspect", "ill", "set_aside", "drained", "stopping", "alive"] as const,
];

/** See {@linkcode Standing}. */
export function standingOf({ state, drained, setAside, reason }: WorkerView): Standing {
  if (state !== "alive") return state;
  if (drained !== null) return "drained";
  if (setAside !== null) return "set_aside";
  return reason === null ? "alive" : "ill";
}

interface Query {
  readonly text: string;
  readonly standing: Standing | null;
  readonly offset: number;
}

/** See the head of this file. */
export function workersView(context: ViewContext): ViewPage {
  const query = queryOf(context.url.searchParams);
  return {
    title: "Workers",
    nav: "workers",
    periodMs: PERIOD_MS,
    blocks: [
      fixed("filters", () => filters(query)),
      live("states", () => standings(context, query)),
      live("list", () => list(context, query)),
    ],
  };
}

/** @throws {IrisError} `invalid` */
function queryOf(given: URLSearchParams): Query {
  const state = given.get("state") || null;
  if (state !== null && !(STANDINGS as readonly string[]).includes(state)) {
    const all = STANDINGS.join(", ");
    throw new IrisError("invalid", `state must be one of ${all}: it is "${state}"`);
  }
  return {
    text: (given.get("q") ?? "").trim().slice(0, MAX_TEXT).toLowerCase(),
    standing: state as Standing | null,
    offset: numberIn(given, "offset", MAX_OFFSET),
  };
}

function filters({ text, standing }: Query): Html {
  const state = standing === null
    ? NOTHING
    : markup`<input type="hidden" name="state" value="${standing}">`;
  return markup`<div class="head"><h1>Workers</h1><form class="filters" role="search" method="get" action="/workers" data-narrows><input type="search" name="q" value="${text}" placeholder="Part of a name or host ( / )" aria-label="Part of a name or host">${state}<button class="button">Search</button></form></div>`;
}

function standings({ api, url }: ViewContext, { standing }: Query): Html {
  const counts = new Map<Standing, number>();
  const workers = api.workers();
  for (const worker of workers) {
    const each = standingOf(worker);
    counts.set(each, (counts.get(each) ?? 0) + 1);
  }
  const chip = (name: string, n: number, state: Standing | null) =>
    markup`<a class="chip" href="${queryLink(url, { state, offset: null })}"${
      state === standing ? markup` aria-current="true"` : NOTHING
    }>${name} <span class="dim">${count(n)}</span></a>`;
  return markup`<nav class="chips" aria-label="states">${chip("all", workers.length, null)}${
    STANDINGS.filter((each) => counts.has(each) || each === standing)
      .map((each) => chip(wordOf(each), counts.get(each) ?? 0, each))
  }</nav>`;
}

function list({ api, url, usages, nowMs }: ViewContext, query: Query): Html {
  const all = api.workers();
  const { text, standing, offset } = query;
  const found = all.map((worker) => ({ worker, standing: standingOf(worker) }))
    .filter(({ worker, standing: each }) =>
      (standing === null || each === standing) &&
      (text === "" || `${worker.name} ${worker.hostname}`.toLowerCase().includes(text))
    ).sort((a, b) =>
      STANDINGS.indexOf(a.standing) - STANDINGS.indexOf(b.standing) ||
      (a.worker.name < b.worker.name ? -1 : 1)
    );
  if (found.length === 0) return markup`<div class="panel flush">${nothing(all.length)}</div>`;
  const shown = found.slice(offset, offset + LIMIT);
  const used = usages.known(shown.map(({ worker }) => worker));
  const rows = shown.map(({ worker, standing: each }) => ({
    key: `worker-${worker.name}`,
    href: pathOf("/workers", worker.name),
    cells: cellsOf(worker, { standing: each, used: used.get(worker.name) ?? null, nowMs }),
  }));
  const page = { offset, limit: LIMIT, total: found.length };
  return markup`<div class="panel flush">${table(COLUMNS, rows, "Workers")}${
    pager(url, page)
  }</div>`;
}

function nothing(all: number): Html {
  if (all > 0) return empty("No worker is like that.", markup`<a href="/workers">Show all</a>`);
  return empty(
    "No worker yet: nothing can run.",
    markup`Start one: <code>iris --mode=worker --controller URL --token-file FILE</code>, or let <a href="/vms">scale groups</a> make them.`,
  );
}

const COLUMNS: readonly Column[] = [
  { head: "State" },
  { head: "Worker", kind: "main" },
  { head: "Running", kind: "n" },
  { head: "Given ahead", kind: "brief" },
  { head: "Cores busy" },
  { head: "Memory in use", kind: "brief" },
  { head: "Heard", kind: "wide" },
  { head: "Why", kind: "wide" },
];

function cellsOf(
  worker: WorkerView,
  of: { standing: Standing; used: HostUsage | null; nowMs: number },
): Part[] {
  const { name, hostname, running, backlog, cpuMilli, memoryBytes, reason, lastSeenMs } = worker;
  const { standing, used, nowMs } = of;
  const host = hostname === name ? NOTHING : markup` <span class="dim">${hostname}</span>`;
  return [
    badge(standing),
    markup`${linkTo("/workers", name)}${host}`,
    count(running),
    count(backlog),
    usedOf(used?.cpuMilli ?? null, cpuMilli, (n) => `${cores(n)}`, "cores"),
    usedOf(used?.memoryBytes ?? null, used?.memoryTotalBytes ?? memoryBytes, bytesText, "memory"),
    lastSeenMs < HEARD_MS
      ? markup`<span class="dim">now</span>`
      : ago(secondsOf(nowMs - lastSeenMs)),
    markup`<span class="dim">${reason ?? ""}</span>`,
  ];
}

/** What is used of what there is: a bar and both numbers. */
function usedOf(
  used: number | null,
  whole: number,
  text: (n: number) => string,
  what: string,
): Html {
  if (used === null) return markup`<span class="dim">of ${text(whole)}</span>`;
  const label = `${percent(used, whole)} of its ${what}`;
  return markup`<div class="bars">${meter(used, whole, label)}</div><span class="dim">${
    text(used)
  } of ${text(whole)}</span>`;
}

/** To the second: what is told again and again is to be told alike. */
export function secondsOf(atMs: number): number {
  return Math.round(atMs / 1_000) * 1_000;
}
