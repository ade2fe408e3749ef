/** What pages say of jobs, tasks and usage, as short texts: rendered, and told again as they change. */
import { html } from "hono/html";
import type { AttemptUsage, HostUsage, TaskUsage } from "../../wire/usage.ts";
import type { JobView, TaskDetail } from "../../wire/api.ts";

type Html = ReturnType<typeof html>;

/** Texts by name, in the order in which they are shown. */
export type Facts = Readonly<Record<string, string>>;

/** How many tasks are where: `2 running, 1 succeeded`. */
export function countsText({ counts }: Pick<JobView, "counts">): string {
  return Object.entries(counts).map(([state, n]) => `${n} ${state.toLowerCase()}`).join(", ");
}

/** What is said of a job. */
export function jobFacts(job: JobView): Facts {
  return {
    state: job.state,
    tasks: countsText(job),
    why: job.reason ?? "",
    submitted: timeText(job.submittedAtMs),
    started: timeText(job.startedAtMs),
    ended: timeText(job.endedAtMs),
  };
}

/** What is said of a task; without usage when that cannot be had. */
export function taskFacts(task: TaskDetail, usage: TaskUsage | null): Facts {
  const { state, attempt, worker, exitCode, endCause, detail, progress } = task;
  const ended = endCause === null ? "" : exitCode === null ? endCause : `${endCause} ${exitCode}`;
  return {
    state,
    worker: worker ?? "",
    attempt: attempt === null ? "" : String(attempt),
    started: timeText(task.startedAtMs),
    ended: [timeText(task.endedAtMs), ended, detail ?? ""].filter(Boolean).join(", "),
    progress: progress === null ? "" : JSON.stringify(progress),
    uses: usageText(usage),
  };
}

function usageText(usage: TaskUsage | null): string {
  if (usage === null) return "not known now";
  if (usage.running !== null) return runningText(usage.running);
  if (usage.ended === null) return "";
  const { cpuMs, peakBytes } = usage.ended;
  const peak = peakBytes === null ? "" : `, at most ${bytesText(peakBytes)}`;
  return `${(cpuMs / 1_000).toFixed(1)} s of cpu${peak}`;
}

function runningText({ cpuMs, memoryBytes, peakBytes, processes }: AttemptUsage): string {
  const [cpu, now, peak] = [
    (cpuMs / 1_000).toFixed(1),
    bytesText(memoryBytes),
    bytesText(peakBytes),
  ];
  return `${cpu} s of cpu so far, ${now} now, at most ${peak}, ${processes} processes`;
}

/** What a host uses of its processor: `1.2 of 4 cores`. */
export function cpuText(usage: HostUsage | null, cpuMilli: number): string {
  if (usage === null || usage.cpuMilli === null) return "";
  return `${(usage.cpuMilli / 1_000).toFixed(1)} of ${cpuMilli / 1_000}`;
}

/** What a host uses of its memory. */
export function memoryText(usage: HostUsage | null): string {
  if (usage === null) return "";
  return `${bytesText(usage.memoryBytes)} of ${bytesText(usage.memoryTotalBytes)}`;
}

/** A size for people: `12.3 MiB`. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [value, at] = [bytes, 0];
  while (value >= 1_024 && at < units.length - 1) [value, at] = [value / 1_024, at + 1];
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`;
}

/** A moment, or nothing for none. */
export function timeText(atMs: number | null): string {
  return atMs === null ? "" : new Date(atMs).toISOString();
}

/** Facts as a table. `from` is where the browser asks for them anew. */
export function factTable(facts: Facts, from: string): Html {
  return html`
    <table data-facts="${from}">
      <tbody>${Object.entries(facts).map(([name, text]) =>
        html`
          <tr>
            <th>${name}</th>
            <td data-fact="${name}">${text}</td>
          </tr>
        `
      )}</tbody>
    </table>
  `;
}
