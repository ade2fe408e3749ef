/** Why a job is not further than it is, and what would help: what `iris job explain` says, as a page. */
import type { JobExplanation } from "../../../wire/api.ts";
import { count, counted, linkTo } from "../format.ts";
import { type Html, markup, NOTHING, type Part, when } from "../markup.ts";
import { table } from "../parts.ts";

/** The explanation. */
export function whyPanel(explanation: JobExplanation): Html {
  const { reason, held, waitsFor, resting, ready, allowance, placement, scaling } = explanation;
  const lines: Part[] = [];
  if (held) lines.push("It is held: nothing more of it is placed until it is released.");
  for (const { job, on } of waitsFor) {
    lines.push(markup`It waits for the ${on} of ${linkTo("/jobs", job)}.`);
  }
  if (resting !== null) {
    const { tasks, untilMs } = resting;
    const at = new Date(untilMs).toISOString();
    lines.push(
      markup`${
        counted(tasks, "task")
      } rest after a failure; the first goes on <time datetime="${at}" data-until>at ${at}</time>.`,
    );
  }
  if (allowance === 0) lines.push("As many of its tasks run as it allows at the same time.");
  if (ready > 0) lines.push(`${counted(ready, "task")} could be placed now if there were room.`);
  if (scaling !== null) lines.push(markup`<b>Scaling:</b> ${scaling}`);
  return markup`<div class="panel"><h2>Why it is not further</h2><p class="big" data-fact="why">${reason}</p>${
    when(lines.length > 0, () => markup`<ul>${lines.map((line) => markup`<li>${line}</li>`)}</ul>`)
  }${placement === null ? NOTHING : placementPart(placement)}</div>`;
}

function placementPart(placement: NonNullable<JobExplanation["placement"]>): Html {
  const { place, workers, ruledOut, nearest, unblock, impossible } = placement;
  const rows = ruledOut.map(({ reason, what, count: n }, at) => ({
    key: `out-${at}`,
    cells: [reason, what, `${count(n)} of ${count(workers)}`],
  }));
  return markup`<p>Place ${count(place)} in the queue. ${
    impossible ? markup`<b class="bad">No known worker could ever hold a task of it.</b> ` : NOTHING
  }<b>To go on:</b> ${unblock}</p>${
    when(nearest !== null, () =>
      markup`<p>Nearest: worker ${linkTo("/workers", nearest!.worker)}, which lacks ${
        nearest!.missing.map(({ what, needs, has }) =>
          `${what} (needs ${needs}, has ${has})`
        ).join(", ")
      }.</p>`)
  }${
    when(rows.length > 0, () =>
      table(
        [{ head: "Workers are ruled out by" }, { head: "What" }, { head: "How many", kind: "n" }],
        rows,
        "Why workers are ruled out",
      ))
  }`;
}
