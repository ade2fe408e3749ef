/** The status page: jobs, workers and the live ownership tree, as one plain page. */
import { html } from "hono/html";
import type { TreeNode } from "../../lifecycle/part.ts";
import type { JobView, WorkerView } from "../../wire/api.ts";
import type { Health } from "../../controller/controller_api.ts";
import type { HostUsage } from "../../wire/usage.ts";
import { countsText, cpuText, memoryText } from "../dashboard/facts.ts";
import { jobPath } from "../dashboard/log_section.ts";
import { layout } from "./layout.ts";

type Html = ReturnType<typeof html>;

/** How often the page reloads itself, in seconds. */
const REFRESH_SECONDS = 2;

/** What the page shows. */
export interface StatusPageData {
  readonly jobs: readonly JobView[];
  readonly workers: readonly WorkerView[];
  /** What the workers' hosts use, as far as that is known, by name. */
  readonly usages: ReadonlyMap<string, HostUsage>;
  readonly tree: TreeNode;
  readonly health: Health;
  readonly version: string;
}

/** The whole page. Every value from outside is escaped by the template. */
export function statusPage(data: StatusPageData): Html {
  return layout({
    title: "status",
    refreshSeconds: REFRESH_SECONDS,
    body: html`
      <h1>Iris <span class="dim">${data.version}</span> ${healthLine(data.health)}</h1>
            <h2>Jobs</h2>
            ${jobTable(data.jobs)}
            <h2>Workers</h2>
            ${workerTable(data)}
            <h2>Ownership</h2>
            <p class="dim">Who owns whom. Stopping a line stops everything below it first.</p>
            <table>
        <thead>
          <tr>
            <th>part</th>
            <th>kind</th>
            <th>state</th>
            <th class="n">age</th>
            <th class="n">last tick</th>
            <th>detail</th>
          </tr>
        </thead>
        <tbody>${treeRows(data.tree, 0)}</tbody>
      </table>
    `,
  });
}

function healthLine(health: Health): Html {
  if (health.closing) return html`<span class="bad">stopping</span>`;
  return health.ok
    ? html`<span class="good">well</span>`
    : html`<span class="bad">${health.problems.join("; ")}</span>`;
}

function jobTable(jobs: readonly JobView[]): Html {
  if (jobs.length === 0) {
    return html`<p class="dim">No job yet: <code>iris job run -- COMMAND</code></p>`;
  }
  return html`
    <table>
      <thead>
        <tr>
          <th>job</th>
          <th>state</th>
          <th>tasks</th>
          <th>submitted</th>
          <th>why</th>
        </tr>
      </thead>
      <tbody>${jobs.map(jobRow)}</tbody>
    </table>
  `;
}

function jobRow(job: JobView): Html {
  const bad = job.state === "FAILED" || job.state === "WORKER_FAILED";
  return html`
    <tr>
      <td><a href="${jobPath("/jobs", job.name)}">${job.name}</a></td>
      <td class="${bad ? "bad" : ""}">${job.state}</td>
      <td>${countsText(job)}</td>
      <td>${new Date(job.submittedAtMs).toISOString()}</td>
      <td>${job.reason ?? ""}</td>
    </tr>
  `;
}

function workerTable({ workers, usages }: StatusPageData): Html {
  if (workers.length === 0) return html`<p class="dim">No worker yet.</p>`;
  return html`
    <table>
      <thead>
        <tr>
          <th>worker</th>
          <th>state</th>
          <th>host</th>
          <th class="n">cores busy</th>
          <th class="n">memory in use</th>
          <th class="n">running</th>
          <th class="n">waiting</th>
          <th class="n">last seen</th>
        </tr>
      </thead>
      <tbody>${workers.map((w) =>
        html`
          <tr>
            <td>${w.name}</td>
            <td>${w.state}${w.reason === null ? "" : `: ${w.reason}`}</td>
            <td>${w.hostname} (pid ${w.pid})</td>
            <td class="n">${cpuText(usages.get(w.name) ?? null, w.cpuMilli) ||
              w.cpuMilli / 1000}</td>
            <td class="n">${memoryText(usages.get(w.name) ?? null)}</td>
            <td class="n">${w.running}</td>
            <td class="n">${w.backlog}</td>
            <td class="n">${age(w.lastSeenMs)} ago</td>
          </tr>
        `
      )}</tbody>
    </table>
  `;
}

function treeRows(node: TreeNode, depth: number): Html[] {
  const indent = "\u00a0\u00a0".repeat(depth);
  const tick = node.lastTickMs === undefined ? "" : age(node.lastTickMs);
  return [
    html`
      <tr>
        <td>${indent}${node.name}</td>
        <td class="dim">${node.kind}</td>
        <td class="${node.stalled === true ? "bad" : ""}">${node.stalled === true
          ? "stalled"
          : node.state}</td>
        <td class="n">${age(node.ageMs)}</td>
        <td class="n">${tick}</td>
        <td>${node.detail ?? ""}</td>
      </tr>
    `,
    ...node.children.flatMap((child) => treeRows(child, depth + 1)),
  ];
}

/** A duration for people: `340 ms`, `12 s`, `5 m`, `3 h`. */
function age(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} m`;
  return `${Math.round(ms / 3_600_000)} h`;
}
