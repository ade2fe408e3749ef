/**
 * The routes of the pages that a browser sees: the status page, jobs and tasks with their logs, and the
 * script that keeps them alive. Runs in the controller's server.
 */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import type { JobView, TaskDetail } from "../../wire/api.ts";
import type { TaskUsage } from "../../wire/usage.ts";
import { requireRole, type Sessions, type Tokens } from "../auth.ts";
import { loginNeededPage } from "../pages/login_page.ts";
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
  readonly tokens: Tokens;
  readonly sessions: Sessions;
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
  const gate = browserOnly(options);
  app.get("/", gate, async (c) => {
    const workers = api.workers();
    return c.html(statusPage({
      jobs: api.jobs({ limit: PAGE_JOBS }),
      workers,
      usages: await usages.of(workers),
      tree: api.tree(),
      health: api.health(),
      version: options.version,
    }));
  });
  app.get("/jobs/:name", gate, async (c) => {
    const job = jobOf(api, c);
    const offset = intQuery(c, "offset", { fallback: 0, min: 0, max: job.replicas });
    const lines = linesPerTask(job.replicas);
    const tail = await readTail(api, job.name, { task: null, tail: lines });
    const tasks = api.tasks(job.name, { offset, limit: PAGE_TASKS });
    return c.html(jobPage({ job, tasks, offset, tail, lines }));
  });
  app.get("/jobs/:name/facts", gate, (c) => {
    const job = jobOf(api, c);
    return c.json({ facts: jobFacts(job), done: job.done });
  });
  app.get("/jobs/:name/tasks/:index", gate, async (c) => {
    const job = jobOf(api, c);
    const [task, usage] = await taskOf(api, c, job);
    const lines = linesPerTask(1);
    const tail = await readTail(api, job.name, { task: task.index, tail: lines });
    return c.html(taskPage({ job, task, facts: taskFacts(task, usage), tail, lines }));
  });
  app.get("/jobs/:name/tasks/:index/facts", gate, async (c) => {
    const job = jobOf(api, c);
    const [task, usage] = await taskOf(api, c, job);
    return c.json({ facts: taskFacts(task, usage), done: job.done });
  });
  return app;
}

/** Lets in who is logged in; others get a page that says how. */
function browserOnly(known: { tokens: Tokens; sessions: Sessions }): MiddlewareHandler {
  const gate = requireRole(["admin"], known);
  return async (c, next) => {
    try {
      await gate(c, () => Promise.resolve());
    } catch {
      return c.html(loginNeededPage("This page needs a login link."), 401);
    }
    await next();
  };
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
