/** The part of a page that shows a log: its tail as text, and where the browser follows it. */
import { pathOf } from "./format.ts";
import type { LogTail, TailLine } from "./log_tail.ts";
import { type Html, markup, NOTHING } from "./markup.ts";

/** Whose log it is, and what the page begins with. */
export interface LogSectionData {
  readonly tail: LogTail;
  /** The name of the job. */
  readonly job: string;
  /** Only this task, or null for all. */
  readonly task: number | null;
  /** Lines of each task that were asked for. */
  readonly lines: number;
}

/** The section. Every line is text of its own; the template escapes it. */
export function logSection({ tail, job, task, lines }: LogSectionData): Html {
  const query = new URLSearchParams({
    ...{ follow: "true", tail: String(lines) },
    ...(task === null ? {} : { task: String(task) }),
  });
  const note = tail.note === null ? "" : `The end of it, and ${tail.note}.`;
  return markup`<div class="panel"><div class="log-tools"><h2>Log</h2><span id="log-tools" class="filters" hidden><input id="log-search" type="search" placeholder="Search ( / )" aria-label="Search in the log"><label><input id="log-follow" type="checkbox" checked> follow</label><span id="log-matches" class="dim" role="status"></span></span><span id="log-state" class="dim">${note}</span></div>
<div id="log" class="log" tabindex="0" role="log" aria-live="off" aria-label="Log" data-logs="${
    pathOf("/api/v1/jobs", job)
  }/logs?${query.toString()}" data-cursor="${tail.cursor ?? ""}" data-prefix="${
    task === null ? "yes" : ""
  }">${tail.lines.map((line) => lineOf(line, task === null))}</div></div>`;
}

function lineOf({ key, task, stream, text, rest }: TailLine, prefix: boolean): Html {
  const raw = prefix ? `${task} | ${text}` : text;
  const kind = stream === "stderr" ? "err" : "";
  const shown = withoutColours(raw);
  const colours = shown === raw ? NOTHING : markup` data-ansi="${raw}"`;
  const open = rest === null ? NOTHING : markup` data-key="${key}" data-rest="${rest}"`;
  return markup`<div class="${kind}"${open}${colours}>${shown}</div>`;
}

// deno-lint-ignore no-control-regex -- an escape sequence begins with a control character
const COLOURS = /\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g;

/** A line as it is read without a script, which shows the colours. */
export function withoutColours(line: string): string {
  return line.replaceAll(COLOURS, "").replace(/\r+$/, "").replace(/^.*\r/s, "");
}
