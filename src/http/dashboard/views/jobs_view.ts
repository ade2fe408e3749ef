/** All jobs: searched, filtered, sorted, page by page. What is shown is said by the address alone. */
import { IrisError } from "../../../base/errors.ts";
import { JOB_SORTS, type JobQuery, type JobSort } from "../../../controller/board_api.ts";
import type { JobState } from "../../../wire/api.ts";
import { count, wordOf } from "../format.ts";
import { type Html, markup, NOTHING, when } from "../markup.ts";
import { empty, pager, queryLink } from "../parts.ts";
import { numberIn } from "../query.ts";
import { fixed, live, type ViewContext, type ViewPage } from "../view.ts";
import { jobTable } from "./job_table.ts";

/** Jobs on a page. */
const LIMIT = 50;
const MAX_OFFSET = 10_000_000;
/** The longest text that is searched for, in characters. */
const MAX_TEXT = 200;

const STATES: readonly JobState[] = [
  ...["RUNNING", "PENDING", "SUCCEEDED", "FAILED", "KILLED", "WORKER_FAILED"] as const,
  "UNSCHEDULABLE",
];

/** See the head of this file. */
export function jobsView(context: ViewContext): ViewPage {
  const query = queryOf(context);
  return {
    title: "Jobs",
    nav: "jobs",
    periodMs: null,
    blocks: [
      fixed("filters", () => filters(context, query)),
      live("states", () => states(context, query)),
      live("list", () => list(context, query)),
    ],
  };
}

/** @throws {IrisError} `invalid` */
function queryOf({ url: { searchParams: given }, viewer }: ViewContext): JobQuery {
  const states = (given.get("state") ?? "").split(",").filter((text) => text !== "");
  for (const state of states) {
    if (!(STATES as readonly string[]).includes(state)) {
      throw new IrisError("invalid", `state must be one of ${STATES.join(", ")}: it is "${state}"`);
    }
  }
  const sort = (given.get("sort") ?? "new") as JobSort;
  if (!JOB_SORTS.includes(sort)) {
    throw new IrisError("invalid", `sort must be one of ${JOB_SORTS.join(", ")}: it is "${sort}"`);
  }
  return {
    text: (given.get("q") ?? "").trim().slice(0, MAX_TEXT),
    states: states as JobState[],
    endedSinceMs: null,
    user: viewer.user ?? (given.get("user") || null),
    sort,
    offset: numberIn(given, "offset", MAX_OFFSET),
    limit: LIMIT,
  };
}

function filters({ api, viewer }: ViewContext, { text, states, user, sort }: JobQuery): Html {
  const users = viewer.user === null ? api.board.users() : [viewer.user];
  const hidden = (name: string, value: string) =>
    when(value !== "", () => markup`<input type="hidden" name="${name}" value="${value}">`);
  return markup`<div class="head"><h1>Jobs</h1><form class="filters" role="search" method="get" action="/jobs" data-narrows>
<input type="search" name="q" value="${text}" placeholder="Part of a name ( / )" aria-label="Part of a name">
<select name="user" aria-label="User"><option value="">All users</option>${
    users.map((name) =>
      markup`<option value="${name}"${name === user ? markup` selected` : NOTHING}>${name}</option>`
    )
  }</select>
${hidden("state", states.join(","))}${
    hidden("sort", sort === "new" ? "" : sort)
  }<button class="button">Search</button></form></div>`;
}

function states({ api, url, viewer }: ViewContext, { states }: JobQuery): Html {
  const { jobs } = api.board.counts(viewer.user);
  const all = Object.values(jobs).reduce((sum, n) => sum + n, 0);
  const chip = (name: string, n: number, state: string | null, on: boolean) =>
    markup`<a class="chip" href="${queryLink(url, { state, offset: null })}"${
      on ? markup` aria-current="true"` : NOTHING
    }>${name} <span class="dim">${count(n)}</span></a>`;
  return markup`<nav class="chips" aria-label="states">${
    chip("all", all, null, states.length === 0)
  }${
    STATES.filter((state) => (jobs[state] ?? 0) > 0 || states.includes(state)).map((state) =>
      chip(wordOf(state), jobs[state] ?? 0, state, states.includes(state))
    )
  }</nav>`;
}

function list({ api, url, viewer }: ViewContext, query: JobQuery): Html {
  const { jobs, total } = api.board.jobs(query);
  const narrowed = query.text !== "" || query.states.length > 0 ||
    query.user !== viewer.user;
  if (total === 0) {
    const what = narrowed
      ? empty("No job is like that.", markup`<a href="/jobs">Show all jobs</a>`)
      : empty("No job yet.", markup`Start one: <code>iris job run -- COMMAND</code>`);
    return markup`<div class="panel flush">${what}</div>`;
  }
  return markup`<div class="panel flush">${
    jobTable(jobs, "Jobs", {
      name: sorter(url, query, { text: "Job", sort: "name", other: "new" }),
      submitted: sorter(url, query, { text: "Submitted", sort: "new", other: "old" }),
      ended: sorter(url, query, { text: "Took", sort: "ended", other: "new" }),
    })
  }${pager(url, { ...query, total })}</div>`;
}

function sorter(
  url: URL,
  query: JobQuery,
  { text, sort, other }: { text: string; sort: JobSort; other: JobSort },
): Html {
  const now = query.sort;
  const next = now === sort ? other : sort;
  const shown = now === sort || now === other && sort === "new"
    ? markup` aria-current="true"`
    : NOTHING;
  const arrow = now === "old" && sort === "new" ? " ↑" : now === sort ? " ↓" : "";
  const path = queryLink(url, { sort: next === "new" ? null : next, offset: null });
  return markup`<a href="${path}"${shown} title="Sort: ${SORT_WORDS[next]}">${text}${arrow}</a>`;
}

const SORT_WORDS: Readonly<Record<JobSort, string>> = {
  ...{ new: "newest first", old: "oldest first", name: "by name", ended: "ended last first" },
};
