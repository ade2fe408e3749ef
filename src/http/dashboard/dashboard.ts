/**
 * The routes of the pages that a browser sees: pages, what changes on them, what can be asked for on
 * them, and the scripts. What renders pages is loaded when the first browser comes: a cluster without
 * one does without. Who may have which page is said by `access.ts`. Runs in the controller's server.
 */
import { type Context, Hono } from "hono";
import { getCookie } from "hono/cookie";
import { IrisError } from "../../base/errors.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import { httpStatusOf } from "../../wire/error_table.ts";
import { callerOf, checkJob, mayCall } from "../gate.ts";
import { errorAnswer } from "../errors.ts";
import type { ShownPages } from "./shown_pages.ts";
import { viewerOf } from "./viewer.ts";

/** What the pages need beside the controller itself. */
export interface DashboardOptions {
  readonly version: string;
}

/** The addresses of pages. */
export const PAGE_PATHS = [
  ...["/", "/jobs", "/jobs/:name", "/jobs/:name/tasks/:index"] as const,
  ...["/workers", "/workers/:name", "/vms", "/vms/:name", "/tree", "/events"] as const,
];

/** Where forms of pages go. */
const FORM_PATHS = [
  ...["/jobs/:name/stop", "/jobs/:name/hold", "/jobs/:name/release", "/jobs/:name/retry"],
  ...["/workers/:name/drain", "/workers/:name/release", "/vms/:vm/stop", "/vms/:vm/reload"],
  ...["/cluster/stop", "/dashboard/theme"],
];

/** The pages. */
export function dashboard(api: ControllerApi, options: DashboardOptions): Hono {
  let loaded: Promise<ShownPages> | null = null;
  const shown = () =>
    loaded ??= import("./shown_pages.ts").then(({ showPages }) => showPages(api, options.version));
  const app = new Hono();
  app.onError((error, c) => problem(error, c, shown));
  app.get("/dashboard/assets/:build/:name", async (c) => (await shown()).assets(c.req.raw));
  app.get("/dashboard/live", async (c) => {
    const { pages, hub } = await shown();
    const { url, pattern, params } = pages.address(c.req.query("view") ?? "");
    if (!mayCall(c, `GET ${pattern}`)) {
      throw new IrisError("forbidden", `A ${callerOf(c).role} may not see this page`);
    }
    if (/^\/jobs\/:name/.test(pattern)) checkJob(c, params.name ?? "", "view");
    return hub.open({ url, viewer: viewerOf(callerOf(c)) }, c.req.query("have") ?? null);
  });
  const page = async (c: Context) => {
    const { pages, theme } = await shown();
    const of = { theme: theme(getCookie(c)), signal: c.req.raw.signal };
    const { url } = pages.address(c.req.url.slice(new URL(c.req.url).origin.length));
    return c.html(await pages.whole({ url, viewer: viewerOf(callerOf(c)) }, of));
  };
  for (const path of PAGE_PATHS) app.get(path, page);
  for (const path of FORM_PATHS) app.post(path, async (c) => (await shown()).act(c.req.raw));
  return app;
}

/** What went wrong, as a page; our own bugs are logged and say nothing outside. */
async function problem(
  error: unknown,
  c: Context,
  shown: () => Promise<ShownPages>,
): Promise<Response> {
  const answer = errorAnswer(error, c);
  const people = c.req.header("Accept")?.includes("text/html") === true;
  if (!(error instanceof IrisError) || !people) return answer;
  const { failed, theme } = await shown();
  const status = httpStatusOf(error.code) as 400;
  return c.html(failed(error.message, { status, theme: theme(getCookie(c)) }), status);
}
