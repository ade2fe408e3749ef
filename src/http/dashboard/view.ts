/** What a view is: a page as parts, of which some are rendered again as things change. */
import type { ControllerApi } from "../../controller/controller_api.ts";
import type { HostUsages } from "./host_usages.ts";
import type { Html } from "./markup.ts";
import type { Recent } from "./recent.ts";
import type { Series } from "./series.ts";
import type { Viewer } from "./viewer.ts";

/** The entries of the navigation. */
export const NAV = [
  ["overview", "Overview", "/", "o"],
  ["jobs", "Jobs", "/jobs", "j"],
  ["workers", "Workers", "/workers", "w"],
  ["vms", "VMs", "/vms", "v"],
  ["tree", "Tree", "/tree", "t"],
  ["events", "Events", "/events", "e"],
] as const;

/** One of them. */
export type NavKey = (typeof NAV)[number][0];

/** What a view is rendered of, and for whom: everybody who sees the same at this address. */
export interface ViewContext {
  readonly api: ControllerApi;
  readonly usages: HostUsages;
  readonly series: Series;
  readonly recent: Recent;
  readonly viewer: Viewer;
  /** The address; only its path and query count. */
  readonly url: URL;
  /** What the path names, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Wall time, ms. */
  readonly nowMs: number;
  readonly version: string;
  readonly signal: AbortSignal;
}

/** A part of a page. */
export interface Block {
  /** Its id in the page. */
  readonly id: string;
  /** What is in it. */
  readonly html: () => Html | Promise<Html>;
  /** Whether it is rendered again and sent when it changed. */
  readonly live: boolean;
}

/** A page. */
export interface ViewPage {
  readonly title: string;
  readonly nav: NavKey;
  readonly blocks: readonly Block[];
  /** How often it is rendered when nothing was stored, in ms; null when only that changes it. */
  readonly periodMs: number | null;
}

/** Renders a page. @throws {IrisError} `not_found` for what there is not, `invalid` for a strange query */
export type View = (context: ViewContext) => ViewPage | Promise<ViewPage>;

/** A part that stays up to date. */
export function live(id: string, html: Block["html"]): Block {
  return { id, html, live: true };
}

/** A part that is rendered once: it has something in it that belongs to who looks. */
export function fixed(id: string, html: Block["html"]): Block {
  return { id, html, live: false };
}
