/** The pages of a job and of a task: what is known of it, and its log. */
import { html } from "hono/html";
import type { JobView, TaskDetail, TaskView } from "../../wire/api.ts";
import { layout } from "../pages/layout.ts";
import { type Facts, factTable, jobFacts } from "./facts.ts";
import { jobPath, logSection } from "./log_section.ts";
import type { LogTail } from "./log_tail.ts";

type Html = ReturnType<typeof html>;

/** Readers without JavaScript get a new page so often, in seconds. */
const REFRESH_SECONDS = 5;

/** Tasks on one page of a job. */
export const PAGE_TASKS = 100;

/** What the page of a job shows. */
export interface JobPageData {
  readonly job: JobView;
  readonly tasks: readonly TaskView[];
  readonly offset: number;
  readonly tail: LogTail;
  readonly lines: number;
}

/** A job, some of its tasks, and the log of all of them. */
export function jobPage({ job, tasks, offset, tail, lines }: JobPageData): Html {
  const path = jobPath("/jobs", job.name);
  return layout({
    title: job.name,
    ...(job.done ? {} : { refreshWithoutScript: REFRESH_SECONDS }),
    body: html`<p><a href="/">status</a></p>
<h1>${job.name}</h1>
${factTable(jobFacts(job), `${path}/facts`)}
<h2>Log</h2>
${logSection({ tail, job: job.name, task: null, lines })}
<h2>Tasks</h2>
${taskTable(tasks, path)}
${pager(job, path, offset)}`,
  });
}

function taskTable(tasks: readonly TaskView[], path: string): Html {
  return html`
    <table>
      <thead>
        <tr>
          <th>task</th>
          <th>state</th>
          <th>worker</th>
          <th>exit</th>
          <th>detail</th>
        </tr>
      </thead>
      <tbody>${tasks.map(({ index, state, worker, exitCode, detail }) =>
        html`
          <tr>
            <td><a href="${path}/tasks/${index}">${index}</a></td>
            <td>${state}</td>
            <td>${worker ?? ""}</td>
            <td>${exitCode ?? ""}</td>
            <td>${detail ?? ""}</td>
          </tr>
        `
      )}</tbody>
    </table>
  `;
}

function pager(job: JobView, path: string, offset: number): Html {
  const link = (at: number, text: string) =>
    html`
      <a href="${path}?offset=${at}">${text}</a>
    `;
  return html`<p>${offset > 0 ? link(Math.max(0, offset - PAGE_TASKS), "those before") : ""}
${offset + PAGE_TASKS < job.replicas ? link(offset + PAGE_TASKS, "those after") : ""}</p>`;
}

/** What the page of a task shows. */
export interface TaskPageData {
  readonly job: JobView;
  readonly task: TaskDetail;
  readonly facts: Facts;
  readonly tail: LogTail;
  readonly lines: number;
}

/** A task, what it uses, and its log. */
export function taskPage({ job, task, facts, tail, lines }: TaskPageData): Html {
  const path = jobPath("/jobs", job.name);
  return layout({
    title: task.name,
    ...(job.done ? {} : { refreshWithoutScript: REFRESH_SECONDS }),
    body: html`<p><a href="/">status</a> <a href="${path}">${job.name}</a></p>
<h1>${task.name}</h1>
${factTable(facts, `${path}/tasks/${task.index}/facts`)}
<h2>Log</h2>
${logSection({ tail, job: job.name, task: task.index, lines })}`,
  });
}
