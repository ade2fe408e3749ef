/** Everything that renders pages, put together when the first browser comes. */
import type { Hono } from "hono";
import { systemClock } from "../../base/clock.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import { actionRoutes } from "./actions.ts";
import { assetRoutes, BUILD } from "./assets.ts";
import { LiveHub } from "./live_hub.ts";
import { type Html, markup } from "./markup.ts";
import { Pages } from "./pages.ts";
import { shell, type Theme, THEME_COOKIE, THEMES } from "./shell.ts";

/** What the routes of pages use. */
export interface ShownPages {
  readonly pages: Pages;
  readonly hub: LiveHub;
  assets(request: Request): Response | Promise<Response>;
  act(request: Request): Response | Promise<Response>;
  /** The theme that cookies ask for. */
  theme(cookies: Readonly<Record<string, string>>): Theme;
  failed(why: string, of: { status: number; theme: Theme }): Html;
}

/** Makes them, for a controller. */
export function showPages(api: ControllerApi, version: string): ShownPages {
  const pages = new Pages(api, version);
  const { board } = api;
  const hub = new LiveHub({
    render: (of, signal) => pages.parts(of, signal),
    version: () => board.version(),
    build: BUILD,
    clock: systemClock,
    closed: board.closed,
  });
  const assets: Hono = assetRoutes();
  const actions: Hono = actionRoutes(api);
  actions.onError((error) => {
    throw error;
  });
  return {
    pages,
    hub,
    assets: (request) => assets.fetch(request),
    act: (request) => actions.fetch(request),
    theme: (cookies) => THEMES.find((one) => one === cookies[THEME_COOKIE]) ?? "auto",
    failed,
  };
}

function failed(why: string, { status, theme }: { status: number; theme: Theme }): Html {
  const title = status === 404 ? "Not found" : status === 503 ? "Not now" : "That did not work";
  return shell({
    ...{ title, nav: null, path: "/", viewer: null, theme, live: null },
    body:
      markup`<section><div class="panel empty"><h1>${title}</h1><p>${why}</p><p><a href="/">Overview</a> · <a href="/jobs">Jobs</a></p></div></section>`,
  });
}
