/** The part of a page that shows a log: its tail as text, and where the browser follows it. */
import { html } from "hono/html";
import type { LogTail, TailLine } from "./log_tail.ts";

type Html = ReturnType<typeof html>;

/** Under a name of its own, since whatever formats `html` adds white space, which a log would show. */
const markup = html;

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

/** The path of a job below another one. */
export function jobPath(below: string, job: string): string {
  return `${below}/${encodeURIComponent(job)}`;
}

/** The section. Every line is text of its own; the template escapes it. */
export function logSection({ tail, job, task, lines }: LogSectionData): Html {
  const query = new URLSearchParams({
    ...{ follow: "true", tail: String(lines) },
    ...(task === null ? {} : { task: String(task) }),
  });
  const note = tail.note === null ? "" : `The end of it, and ${tail.note}.`;
  return markup`<p class="dim"><span id="log-state">${note}</span></p>
<div id="log" class="log"
data-logs="${jobPath("/api/v1/jobs", job)}/logs?${query.toString()}"
data-cursor="${tail.cursor ?? ""}" data-prefix="${task === null ? "yes" : ""}">${
    tail.lines.map((line) => lineOf(line, task === null))
  }</div>
<script type="module" src="/dashboard/live.js"></script>`;
}

function lineOf({ key, task, stream, text, rest }: TailLine, prefix: boolean): Html {
  const shown = prefix ? `${task} | ${text}` : text;
  const kind = stream === "stderr" ? "err" : "";
  if (rest === null) return markup`<div class="${kind}">${shown}</div>`;
  return markup`<div class="${kind}" data-key="${key}" data-rest="${rest}">${shown}</div>`;
}
