/**
 * What a page can ask for: forms, so that they work without a script. Each answers with the page that it
 * was on. Who may do so, and that the form is one of ours, was looked at before.
 */
import { type Context, Hono } from "hono";
import { setCookie } from "hono/cookie";
import { IrisError } from "../../base/errors.ts";
import { randomHex } from "../../base/ids.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import type { JobVerb } from "../../controller/messages.ts";
import { limitedText } from "../body.ts";
import { THEME_COOKIE, THEMES } from "./shell.ts";

/** A form of ours is small, in bytes. */
const MAX_FORM_BYTES = 8_192;
/** The longest reason, in characters. */
const MAX_WHY = 200;
/** A theme is remembered for a year, in seconds. */
const YEAR_S = 31_536_000;

const JOB_VERBS: Readonly<Record<string, JobVerb>> = {
  stop: "stop_job",
  hold: "hold_job",
  release: "release_job",
  retry: "retry_job",
};

/** The routes. */
export function actionRoutes(api: ControllerApi): Hono {
  const app = new Hono();
  app.post("/jobs/:name/:verb", async (c) => {
    const form = await formOf(c);
    const { name, verb } = c.req.param();
    const what = Object.hasOwn(JOB_VERBS, verb) ? JOB_VERBS[verb] : undefined;
    if (what === undefined) throw new IrisError("not_found", `Nothing is done by ${verb}`);
    await api.change(what, name);
    return back(c, form);
  });
  app.post("/workers/:name/:verb", async (c) => {
    const form = await formOf(c);
    const { name, verb } = c.req.param();
    const why = textIn(form, "why").slice(0, MAX_WHY) || "asked for on its page";
    if (verb === "drain") await api.drainWorker(name, why);
    else if (verb === "release") await api.releaseWorker(name);
    else throw new IrisError("not_found", `Nothing is done by ${verb}`);
    return back(c, form);
  });
  app.post("/vms/:vm/:verb", async (c) => {
    const form = await formOf(c);
    const { vm, verb } = c.req.param();
    const why = textIn(form, "why").slice(0, MAX_WHY) || "asked for on its page";
    if (verb === "stop") await api.fleet.stopVm(vm, why);
    else if (verb === "reload") await api.fleet.reloadVm(vm);
    else throw new IrisError("not_found", `Nothing is done by ${verb}`);
    return back(c, form);
  });
  app.post("/cluster/stop", async (c) => {
    const form = await formOf(c);
    await api.stopCluster({ id: randomHex(8), remainingMs: null });
    return back(c, form);
  });
  app.post("/dashboard/theme", async (c) => {
    const form = await formOf(c);
    const theme = THEMES.find((one) => one === form.get("theme")) ?? "auto";
    const secure = new URL(c.req.url).protocol === "https:";
    setCookie(c, THEME_COOKIE, theme, { path: "/", maxAge: YEAR_S, sameSite: "Lax", secure });
    return back(c, form);
  });
  return app;
}

async function formOf(c: Context): Promise<URLSearchParams> {
  const type = c.req.header("Content-Type") ?? "";
  if (!type.startsWith("application/x-www-form-urlencoded")) {
    throw new IrisError("invalid", "A form is needed");
  }
  return new URLSearchParams(await limitedText(c.req.raw, MAX_FORM_BYTES));
}

function textIn(form: URLSearchParams, name: string): string {
  return (form.get(name) ?? "").trim();
}

/** Back to the page of before, which can only be one of ours. */
function back(c: Context, form: URLSearchParams): Response {
  const path = form.get("back") ?? "/";
  const here = /^\/(?![/\\])/.test(path) ? URL.parse(path, "http://page") : null;
  const ours = here !== null && here.host === "page";
  return c.redirect(ours ? `${here.pathname}${here.search}${here.hash}` : "/", 303);
}
