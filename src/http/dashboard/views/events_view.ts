/** What happened, newest first: by kind, job and worker. */
import { IrisError } from "../../../base/errors.ts";
import { EVENT_KINDS, type EventKind } from "../../../wire/api.ts";
import type { EventQuery } from "../../../controller/board_api.ts";
import { type Html, markup, NOTHING } from "../markup.ts";
import { empty, queryLink } from "../parts.ts";
import { fixed, live, type ViewContext, type ViewPage } from "../view.ts";
import { eventTable, NAMES } from "./event_table.ts";

/** Events on a page. */
const LIMIT = 100;
const MAX_TEXT = 300;

/** What can be looked at together. */
const SORTS: Readonly<Record<string, readonly EventKind[]>> = {
  jobs: ["job_submitted", "job_held", "job_state", "job_done", "job_purged"],
  tasks: ["task_ended", "task_retried", "endpoint_registered", "endpoint_gone"],
  workers: [
    ...["worker_registered", "worker_refused", "worker_state", "worker_drained"] as const,
    ...["worker_set_aside", "worker_released"] as const,
  ],
  VMs: ["vm_state"],
  people: ["audit", "token_created", "token_revoked"],
};

/** See the head of this file. */
export function eventsView(context: ViewContext): ViewPage {
  const { searchParams } = context.url;
  const kind = searchParams.get("kind") ?? "";
  const query = { ...queryOf(searchParams, kind), user: context.viewer.user };
  return {
    title: "Events",
    nav: "events",
    periodMs: null,
    blocks: [
      fixed("filters", () => filters(query, kind)),
      live("list", () => list(context, query)),
    ],
  };
}

/** @throws {IrisError} `invalid` */
function queryOf(given: URLSearchParams, kind: string): Omit<EventQuery, "user"> {
  const kinds = Object.hasOwn(SORTS, kind)
    ? SORTS[kind]!
    : EVENT_KINDS.filter((one) => one === kind);
  if (kind !== "" && kinds.length === 0) {
    const all = [...Object.keys(SORTS), ...EVENT_KINDS].join(", ");
    throw new IrisError("invalid", `kind must be one of ${all}: it is "${kind}"`);
  }
  const before = given.get("before");
  if (before !== null && !/^\d{1,15}$/.test(before)) {
    throw new IrisError("invalid", `before must be the number of an event: it is "${before}"`);
  }
  return {
    kinds,
    before: before === null ? null : Number(before),
    job: given.get("q")?.trim().slice(0, MAX_TEXT) || null,
    worker: given.get("worker")?.trim().slice(0, MAX_TEXT) || null,
    limit: LIMIT,
  };
}

function filters({ job, worker }: EventQuery, kind: string): Html {
  const option = (value: string, text: string) =>
    markup`<option value="${value}"${
      value === kind ? markup` selected` : NOTHING
    }>${text}</option>`;
  return markup`<div class="head"><h1>Events</h1><form class="filters" role="search" method="get" action="/events" data-narrows><input type="search" name="q" value="${
    job ?? ""
  }" placeholder="Part of a job's name ( / )" aria-label="Part of a job's name"><input name="worker" value="${
    worker ?? ""
  }" placeholder="Worker or VM" aria-label="Worker or VM"><select name="kind" aria-label="Kind">${
    option("", "All kinds")
  }${Object.keys(SORTS).map((name) => option(name, `Of ${name}`))}${
    EVENT_KINDS.map((one) => option(one, `${NAMES[one]} (${one})`))
  }</select><button class="button">Search</button></form></div>`;
}

function list({ api, url }: ViewContext, query: EventQuery): Html {
  const found = api.board.events({ ...query, limit: LIMIT + 1 });
  const shown = found.slice(0, LIMIT);
  const newest = query.before === null
    ? NOTHING
    : markup`<a class="button" href="${queryLink(url, { before: null })}">Newest</a>`;
  if (shown.length === 0) {
    const narrowed = query.kinds.length > 0 || query.job !== null || query.worker !== null;
    const how = narrowed ? markup`<a href="/events">Show all events</a>` : "";
    return markup`<div class="panel flush">${
      empty(narrowed ? "No event is like that." : "Nothing happened yet.", how)
    }</div>`;
  }
  const last = shown.at(-1)!.cursor.split(".").at(-1)!;
  const older = found.length > LIMIT
    ? markup`<a class="button" rel="next" href="${queryLink(url, { before: last })}">Older</a>`
    : markup`<span class="dim">This is all that is kept.</span>`;
  return markup`<div class="panel flush">${
    eventTable(shown, "Events")
  }<nav class="pager" aria-label="pages">${newest}${older}</nav></div>`;
}
