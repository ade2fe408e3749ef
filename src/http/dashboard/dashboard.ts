/**
 * The routes of the pages that a browser sees: the status page, jobs and tasks with their logs, and the
 * script that keeps them alive. Runs in the controller's server.
 */
import { type Context, Hono } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import type { JobView, TaskDetail } from "../../wire/api.ts";
import type { TaskUsage } from "../../wire/usage.ts";
import { mayCall, onlyUser } from "../gate.ts";
import { statusPage } from "../pages/status_page.ts";
import { intQuery } from "../query.ts";
import { soon } from "../soon.ts";
import { jobFacts, taskFacts } from "./facts.ts";
import { HostUsages } from "./host_usages.ts";
import { jobPage, PAGE_TASKS, taskPage } from "./job_page.ts";
import { linesPerTask, readTail } from "./log_tail.ts";
import LIVE_SCRIPT from "./live.js" with { type: "text" };

/** What the pages need beside the controller itself. */
export interface DashboardOptions {
  readonly version: string;
}

/** Jobs shown on the status page. */
const PAGE_JOBS = 50;
/** A page waits for so long for what a task uses, in ms. */
const USAGE_MS = 1_000;

/** The pages. */
export function dashboard(api: ControllerApi, options: DashboardOptions): Hono {
  const app = new Hono();
  const usages = new HostUsages(api.live);
  app.get("/dashboard/live.js", (c) => {
    return c.body(LIVE_SCRIPT, 200, {
      "Content-Type": "text/javascript; charset=utf-8",
      "Cache-Control": "no-cache",
    });
  });
  app.get("/", async (c) => {
    const workers = api.workers();
    const user = onlyUser(c);
    return c.html(statusPage({
      jobs: api.jobs({ ...(user !== null && { user }), limit: PAGE_JOBS }),
      workers,
      usages: await usages.of(workers),
      tree: mayCall(c, "GET /api/v1/tree") ? api.tree() : { ...api.tree(), children: [] },
      health: api.health(),
      version: options.version,
    }));
  });
  app.get("/jobs/:name", async (c) => {
    const job = jobOf(api, c);
    const offset = intQuery(c, "offset", { fallback: 0, min: 0, max: job.replicas });
    const lines = linesPerTask(job.replicas);
    const tail = await readTail(api, job.name, { task: null, tail: lines });
    const tasks = api.tasks(job.name, { offset, limit: PAGE_TASKS });
    return c.html(jobPage({ job, tasks, offset, tail, lines }));
  });
  app.get("/jobs/:name/facts", (c) => {
    const job = jobOf(api, c);
    return c.json({ facts: jobFacts(job), done: job.done });
  });
  app.get("/jobs/:name/tasks/:index", async (c) => {
    const job = jobOf(api, c);
    const [task, usage] = await taskOf(api, c, job);
    const lines = linesPerTask(1);
    const tail = await readTail(api, job.name, { task: task.index, tail: lines });
    return c.html(taskPage({ job, task, facts: taskFacts(task, usage), tail, lines }));
  });
  app.get("/jobs/:name/tasks/:index/facts", async (c) => {
    const job = jobOf(api, c);
    const [task, usage] = await taskOf(api, c, job);
    return c.json({ facts: taskFacts(task, usage), done: job.done });
  });
  return app;
}

function jobOf(api: ControllerApi, c: Context): JobView {
  const name = c.req.param("name") ?? "";
  const job = api.job(name);
  if (job === null) throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
  return job;
}

/** A task, and what it uses; null when its worker does not say so soon. */
async function taskOf(
  api: ControllerApi,
  c: Context,
  { name, replicas }: JobView,
): Promise<[TaskDetail, TaskUsage | null]> {
  const given = c.req.param("index") ?? "";
  const index = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
  if (!(index < replicas)) {
    throw new IrisError("not_found", `No such task: ${name}/${given}`, { field: "index" });
  }
  const usage = soon(api.live.taskUsage(name, index).catch(() => null), USAGE_MS);
  const task = api.task(name, { index, signal: c.req.raw.signal });
  return await Promise.all([task, usage]);
}
