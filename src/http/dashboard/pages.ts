/** Which page an address is, and how it becomes markup: whole, or the parts of it that changed. */
import { IrisError } from "../../base/errors.ts";
import { systemClock } from "../../base/clock.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import { HostUsages } from "./host_usages.ts";
import { type Followed, type Rendering, tagOf } from "./live_hub.ts";
import { type Html, markup, raw, textOf } from "./markup.ts";
import { Recent } from "./recent.ts";
import { Series } from "./series.ts";
import { shell, type Theme } from "./shell.ts";
import type { Block, View, ViewPage } from "./view.ts";
import { jobView } from "./views/job_view.ts";
import { jobsView } from "./views/jobs_view.ts";
import { overviewView } from "./views/overview_view.ts";
import { eventsView } from "./views/events_view.ts";
import { taskView } from "./views/task_view.ts";
import { treeView } from "./views/tree_view.ts";
import { vmView } from "./views/vm_view.ts";
import { vmsView } from "./views/vms_view.ts";
import { workerView } from "./views/worker_view.ts";
import { workersView } from "./views/workers_view.ts";

/** The longest address that is followed, in characters. */
const MAX_ADDRESS = 2_000;

/** Pages by their addresses; what begins with a colon is a name. */
export const VIEWS: Readonly<Record<string, View>> = {
  "/": overviewView,
  "/jobs": jobsView,
  "/jobs/:name": jobView,
  "/jobs/:name/tasks/:index": taskView,
  "/workers": workersView,
  "/workers/:name": workerView,
  "/vms": vmsView,
  "/vms/:name": vmView,
  "/tree": treeView,
  "/events": eventsView,
};

const PATTERNS = Object.entries(VIEWS).map(([path, view]) => {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
  return { path, view, names, pattern: new RegExp(`^${path.replaceAll(/:\w+/g, "([^/]+)")}$`) };
});

/** An address, and which page it is. */
export interface Address {
  readonly url: URL;
  /** Its path as routes have it. */
  readonly pattern: string;
  /** What the path names, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly view: View;
}

/** Renders pages. Owned by the application of one server. */
export class Pages {
  readonly #api: ControllerApi;
  readonly #version: string;
  readonly #usages: HostUsages;
  readonly #series = new Series();
  readonly #recent = new Recent();

  constructor(api: ControllerApi, version: string) {
    this.#api = api;
    this.#version = version;
    this.#usages = new HostUsages(api.live);
  }

  /** An address, and which page it is. @throws {IrisError} `invalid`, `not_found` */
  address(given: string): Address {
    const url = given.length <= MAX_ADDRESS && /^\/(?![/\\])/.test(given)
      ? URL.parse(given, "http://page")
      : null;
    if (url === null || url.host !== "page") {
      throw new IrisError("invalid", "view must be the path of a page", { field: "view" });
    }
    for (const { path, view, names, pattern } of PATTERNS) {
      const match = pattern.exec(url.pathname);
      if (match === null) continue;
      const params = Object.fromEntries(names.map((name, at) => [name, decoded(match[at + 1]!)]));
      return { url, pattern: path, params, view };
    }
    throw new IrisError("not_found", `There is no page ${url.pathname}`);
  }

  /** The live parts of a page. */
  async parts(of: Followed, signal: AbortSignal): Promise<Rendering> {
    const { blocks, periodMs } = await this.#page(of, signal);
    const parts = blocks.filter(({ live }) => live);
    return { blocks: new Map(await Promise.all(parts.map(rendered))), periodMs };
  }

  /** A whole page. */
  async whole(of: Followed, how: { theme: Theme; signal: AbortSignal }): Promise<Html> {
    const { url, viewer } = of;
    const { title, nav, blocks } = await this.#page(of, how.signal);
    const all = new Map(await Promise.all(blocks.map(rendered)));
    const lives = blocks.filter(({ live }) => live).map(({ id }) => [id, all.get(id)!] as const);
    const path = `${url.pathname}${url.search}`;
    return shell({
      ...{ title, nav, path, viewer, theme: how.theme },
      live: lives.length === 0 ? null : { path, tag: tagOf(new Map(lives)) },
      body: blocks.map(({ id }) => sectionOf(id, all.get(id)!)),
    });
  }

  async #page({ url, viewer }: Followed, signal: AbortSignal): Promise<ViewPage> {
    const { view, params } = this.address(`${url.pathname}${url.search}`);
    return await view({
      ...{ api: this.#api, usages: this.#usages, series: this.#series, recent: this.#recent },
      ...{ url, params, viewer, signal, nowMs: systemClock.wall(), version: this.#version },
    });
  }
}

async function rendered({ id, html }: Block): Promise<readonly [string, string]> {
  return [id, await textOf(await html())];
}

function sectionOf(id: string, inside: string): Html {
  // Rendered before, with everything in it escaped.
  return markup`<section id="${id}">${raw(inside)}</section>
`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new IrisError("not_found", "There is no such page");
  }
}
