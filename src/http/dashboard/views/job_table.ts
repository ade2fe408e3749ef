/** Jobs as rows: state, where their tasks are, how long, and why. */
import type { JobLine } from "../../../controller/board_api.ts";
import { ago, count, lasted, pathOf } from "../format.ts";
import { type Html, markup, type Part, when } from "../markup.ts";
import { badge, type Column, stateBar, table } from "../parts.ts";

/** The columns of a list of jobs; the heads of those that can be sorted by are given. */
function columns(heads: Partial<Record<"name" | "submitted" | "ended", Html>>): Column[] {
  return [
    { head: "State" },
    { head: heads.name ?? "Job", kind: "main" },
    { head: "Tasks", kind: "n" },
    { head: "Progress" },
    { head: heads.submitted ?? "Submitted" },
    { head: heads.ended ?? "Took", kind: "brief" },
    { head: "Why", kind: "wide" },
  ];
}

/** A list of jobs. */
export function jobTable(
  jobs: readonly JobLine[],
  caption: string,
  heads: Partial<Record<"name" | "submitted" | "ended", Html>> = {},
): Html {
  return table(
    columns(heads),
    jobs.map((job) => {
      const href = pathOf("/jobs", job.name);
      return { key: `job-${job.generation}`, href, cells: cellsOf(job, href) };
    }),
    caption,
  );
}

function cellsOf(job: JobLine, href: string): Part[] {
  const { name, state, counts, held, done, submittedAtMs, startedAtMs, endedAtMs, reason } = job;
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  return [
    held && !done
      ? badge("held", "Nothing more of it is placed until it is released")
      : badge(state),
    markup`<a href="${href}">${name}</a>`,
    count(total),
    markup`<div class="bars">${stateBar(counts, total)}</div>`,
    ago(submittedAtMs),
    lasted(startedAtMs, endedAtMs),
    markup`<span class="${toneOf(state)}">${reason ?? ""}</span>${
      when(state !== "PENDING" && !done && endedAtMs !== null, () =>
        markup` <span class="dim">its processes end</span>`)
    }`,
  ];
}

function toneOf(state: string): string {
  return /FAILED|UNSCHEDULABLE/.test(state) ? "bad" : "dim";
}
