/** What pages are put together from: marks of states, bars, tables, forms. No part has a style of its own
 * in its markup: the policy of the pages forbids that. */
import type { TaskCounts, TaskState } from "../../wire/api.ts";
import { count, countsText, wordOf } from "./format.ts";
import { type Html, markup, NOTHING, type Part, when } from "./markup.ts";

/** The order in which states stand in a bar. */
export const STATE_ORDER: readonly TaskState[] = [
  ...["SUCCEEDED", "RUNNING", "BUILDING", "ASSIGNED", "PENDING", "PREEMPTED", "KILLED"] as const,
  ...["COSCHED_FAILED", "UNSCHEDULABLE", "WORKER_FAILED", "FAILED"] as const,
];

/** A state as a mark with a word: never colour alone. */
export function badge(state: string, title = ""): Html {
  return markup`<span class="badge s-${state}"${titled(title)}>${wordOf(state)}</span>`;
}

function titled(title: string): Html {
  return title === "" ? NOTHING : markup` title="${title}"`;
}

/** Where tasks are, as a bar whose parts are as long as there are many. */
export function stateBar(counts: TaskCounts, total: number): Html {
  let at = 0;
  const parts = STATE_ORDER.flatMap((state) => {
    const n = counts[state] ?? 0;
    if (n === 0 || total === 0) return [];
    // Something is never too small to be seen.
    const width = Math.max(0.8, 100 * n / total);
    const x = Math.min(at, 100 - width);
    at += 100 * n / total;
    return [
      markup`<rect class="s-${state}" x="${x.toFixed(2)}" width="${width.toFixed(2)}" height="1"/>`,
    ];
  });
  return markup`<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="${
    countsText(counts) || "nothing"
  }">${parts}</svg>`;
}

/** How much of something is used, as a bar. */
export function meter(used: number, whole: number, label: string): Html {
  const share = whole <= 0 ? 0 : Math.min(100, 100 * used / whole);
  return markup`<svg class="bar meter" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="${label}"><rect width="${
    share.toFixed(1)
  }" height="1"/></svg>`;
}

/** One number with its name and its unit, and a line below it. */
export function tile(
  of: { name: string; value: Part; unit?: string; note?: Part; href?: string },
): Html {
  const name = of.href === undefined
    ? markup`${of.name}`
    : markup`<a href="${of.href}">${of.name}</a>`;
  return markup`<div class="tile"><dt>${name}</dt><dd><b>${of.value}</b>${
    when(of.unit !== undefined, () => markup` <span class="unit">${of.unit!}</span>`)
  }${when(of.note !== undefined, () => markup`<span class="note">${of.note!}</span>`)}</dd></div>`;
}

/** Names and what they are, in pairs. What is empty is left out. */
export function factList(facts: readonly (readonly [name: string, value: Part | null])[]): Html {
  return markup`<dl class="facts">${
    facts.filter(([, value]) => value !== null && value !== "").map(([name, value]) =>
      markup`<div><dt>${name}</dt><dd data-fact="${name}">${value!}</dd></div>`
    )
  }</dl>`;
}

/** A column of a table: numbers stand to the right, what phones have no room for is left out there. */
export interface Column {
  readonly head: Part;
  readonly kind?: "n" | "wide" | "main" | "brief";
}

/** A table that scrolls by itself where it is too wide. Rows have a key, so that they are told apart. */
export function table(
  columns: readonly Column[],
  rows: readonly { key: string; cells: readonly Part[]; href?: string; tone?: string }[],
  caption: string,
): Html {
  const kind = ({ kind }: Column) => kind === undefined ? NOTHING : markup` class="${kind}"`;
  const cell = (part: Part, at: number) => markup`<td${kind(columns[at]!)}>${part}</td>`;
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${
    columns.map((column) => markup`<th scope="col"${kind(column)}>${column.head}</th>`)
  }</tr></thead><tbody>${
    rows.map(({ key, cells, href, tone }) =>
      markup`<tr data-key="${key}"${href === undefined ? NOTHING : markup` data-href="${href}"`}${
        tone === undefined ? NOTHING : markup` class="${tone}"`
      }>${cells.map(cell)}</tr>`
    )
  }</tbody></table></div>`;
}

/** Said where there is nothing to show, with what would change that. */
export function empty(what: string, how: Part = ""): Html {
  return markup`<div class="empty"><p>${what}</p>${
    when(how !== "", () => markup`<p class="dim">${how}</p>`)
  }</div>`;
}

/** A link with other query parameters; those that are null go. */
export function queryLink(
  url: URL,
  change: Readonly<Record<string, string | null>>,
): string {
  const query = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text === "" ? url.pathname : `${url.pathname}?${text}`;
}

/** Where a list goes on. */
export function pager(url: URL, of: { offset: number; limit: number; total: number }): Html {
  const { offset, limit, total } = of;
  if (total <= limit && offset === 0) return NOTHING;
  const to = (at: number) => queryLink(url, { offset: at <= 0 ? null : String(at) });
  const link = (at: number, text: string, rel: string, there: boolean) =>
    there
      ? markup`<a class="button" rel="${rel}" href="${to(at)}">${text}</a>`
      : markup`<span class="button off">${text}</span>`;
  const last = Math.max(0, Math.floor((total - 1) / limit) * limit);
  return markup`<nav class="pager" aria-label="pages">${link(0, "First", "first", offset > 0)}${
    link(offset - limit, "Previous", "prev", offset > 0)
  }<span class="dim">${count(Math.min(total, offset + 1))}–${
    count(Math.min(total, offset + limit))
  } of ${count(total)}</span>${link(offset + limit, "Next", "next", offset + limit < total)}${
    link(last, "Last", "last", offset + limit < total)
  }</nav>`;
}

/** Something to do: a form that works without a script. What cannot be undone is asked twice. */
export function action(of: {
  path: string;
  label: string;
  back: string;
  /** What happens, said before it does. */
  sure?: string;
  tone?: "danger";
  /** A text that goes with it. */
  field?: { name: string; label: string };
}): Html {
  const { path, label, back, sure, tone = "", field } = of;
  const form = (text: string) =>
    markup`<form method="post" action="${path}"><input type="hidden" name="back" value="${back}">${
      field === undefined
        ? NOTHING
        : markup`<label>${field.label} <input name="${field.name}" maxlength="200"></label>`
    }<button class="button ${tone}">${text}</button></form>`;
  if (sure === undefined && field === undefined) return form(label);
  return markup`<details class="act"><summary class="button ${tone}">${label}…</summary><div class="pop">${
    when(sure !== undefined, () => markup`<p>${sure!}</p>`)
  }${form(label)}</div></details>`;
}

/** Numbers over time: drawn by the script, said in words without it. */
export function chart(of: {
  id: string;
  label: string;
  unit: "count" | "cores" | "bytes" | "rate";
  /** Wall time in seconds, then a row of values for each series. */
  data: readonly (readonly (number | null)[])[];
  series: readonly { readonly name: string; readonly state?: string }[];
  words: string;
}): Html {
  const { id, label, unit, data, series, words } = of;
  return markup`<figure class="chart" id="${id}" data-chart="${
    JSON.stringify({ unit, data, series })
  }"><figcaption>${label} <span class="dim">${words}</span></figcaption><div class="plot" data-keep></div></figure>`;
}
