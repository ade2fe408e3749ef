/** Numbers, sizes, times and names as pages show them: each with its unit. */
import type { TaskCounts } from "../../wire/api.ts";
import { type Html, markup, NOTHING } from "./markup.ts";

const NUMBER = new Intl.NumberFormat("en-US");

/** `12,345`. */
export function count(n: number): string {
  return NUMBER.format(n);
}

/** `1 task`, `12,345 tasks`. */
export function counted(n: number, what: string): string {
  return `${count(n)} ${what}${n === 1 ? "" : "s"}`;
}

/** Cores from thousandths: `1.5`, `12`. */
export function cores(milli: number): string {
  const value = milli / 1_000;
  const places = value >= 100 ? 1 : value >= 10 ? 10 : 100;
  return NUMBER.format(Math.round(value * places) / places);
}

/** A size for people: `12.3 MiB`. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [value, at] = [bytes, 0];
  while (value >= 1_024 && at < units.length - 1) [value, at] = [value / 1_024, at + 1];
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`;
}

/** A length of time for people: `340 ms`, `12 s`, `5 m 3 s`, `3 h 12 m`, `4 d 2 h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const s = Math.round(ms / 1_000);
  if (s < 60) return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h ${Math.floor(s % 3_600 / 60)} m`;
  return `${Math.floor(s / 86_400)} d ${Math.floor(s % 86_400 / 3_600)} h`;
}

/** A share as `37 %`; something is never shown as nothing, nor less than all as all. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return "0 %";
  const share = 100 * part / whole;
  if (share > 0 && share < 1) return "< 1 %";
  return `${share < 100 && share > 99 ? 99 : Math.round(share)} %`;
}

/** A moment: in UTC, which the script replaces by how long ago that is. */
export function ago(atMs: number | null): Html {
  if (atMs === null) return markup`<span class="dim">–</span>`;
  const iso = new Date(atMs).toISOString();
  return markup`<time datetime="${iso}" data-ago>${iso.slice(0, 19).replace("T", " ")} UTC</time>`;
}

/** A moment as a clock shows it. */
export function clockTime(atMs: number): Html {
  const iso = new Date(atMs).toISOString();
  return markup`<time datetime="${iso}" data-clock>${iso.slice(0, 23).replace("T", " ")}</time>`;
}

/** How long something lasted, or since when it lasts: then the script counts. */
export function lasted(fromMs: number | null, toMs: number | null): Html {
  if (fromMs === null) return markup`<span class="dim">–</span>`;
  if (toMs !== null) return markup`${durationText(toMs - fromMs)}`;
  const iso = new Date(fromMs).toISOString();
  return markup`<time datetime="${iso}" data-lasts>since ${iso.slice(11, 19)} UTC</time>`;
}

/** How many tasks are where: `2 running, 1 succeeded`. */
export function countsText(counts: TaskCounts): string {
  return Object.entries(counts).map(([state, n]) => `${count(n)} ${wordOf(state)}`).join(", ");
}

/** `WORKER_FAILED` as `worker failed`. */
export function wordOf(state: string): string {
  return state.toLowerCase().replaceAll("_", " ");
}

/** A path below another one; names of jobs have slashes. */
export function pathOf(below: string, name: string): string {
  return `${below}/${encodeURIComponent(name)}`;
}

/** A name as a link. */
export function linkTo(below: "/jobs" | "/workers" | "/vms", name: string | null): Html {
  if (name === null) return NOTHING;
  return markup`<a href="${pathOf(below, name)}">${name}</a>`;
}

/** A task as a link: `/user/job/3`. */
export function taskLink(job: string, index: number): Html {
  return markup`<a href="${pathOf("/jobs", job)}/tasks/${index}">${index}</a>`;
}
