/**
 * What browsers load beside pages: the style, the scripts, and two libraries, all embedded in the
 * program. Loaded when the first browser comes. Served under the digest of all of them, so that they can
 * be kept for ever and never be those of another version.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { Hono } from "hono";
import ANSI from "./client/ansi.js" with { type: "text" };
import APP from "./client/app.js" with { type: "text" };
import CHART from "./client/chart.js" with { type: "text" };
import KEYS from "./client/keys.js" with { type: "text" };
import LIVE from "./client/live.js" with { type: "text" };
import LOG from "./client/log.js" with { type: "text" };
import MORPH from "./client/morph.js" with { type: "text" };
import STREAM from "./client/stream.js" with { type: "text" };
import TERM from "./client/term.js" with { type: "text" };
import TIMES from "./client/times.js" with { type: "text" };
import FIT from "@xterm/addon-fit/lib/addon-fit.mjs" with { type: "text" };
import XTERM_STYLE from "@xterm/xterm/css/xterm.css" with { type: "text" };
import XTERM from "@xterm/xterm/lib/xterm.mjs" with { type: "text" };
import UPLOT from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import UPLOT_STYLE from "uplot/dist/uPlot.min.css" with { type: "text" };
import { STYLE } from "./style.ts";

const FILES: Readonly<Record<string, string>> = {
  "ansi.js": ANSI,
  "app.js": APP,
  "chart.js": CHART,
  "keys.js": KEYS,
  "live.js": LIVE,
  "log.js": LOG,
  "morph.js": MORPH,
  "stream.js": STREAM,
  "term.js": TERM,
  "times.js": TIMES,
  "style.css": STYLE,
  // The library is a script that makes a global: here it becomes a module.
  "uplot.js": `${UPLOT}\nexport default uPlot;\n`,
  "uplot.css": UPLOT_STYLE,
  "xterm.js": XTERM,
  "xterm.css": XTERM_STYLE,
  "xterm-fit.js": FIT,
};

/** A second in a year. */
const YEAR_S = 31_536_000;

/** Says which assets these are. */
export const BUILD: string = bytesToHex(
  sha256(new TextEncoder().encode(JSON.stringify(FILES))),
).slice(0, 12);

/** The names of all assets. */
export const ASSETS: readonly string[] = Object.keys(FILES);

/** The address of an asset. */
export function assetPath(name: string): string {
  return `/dashboard/assets/${BUILD}/${name}`;
}

/** Serves them, to anybody: nothing in them is of this cluster. */
export function assetRoutes(): Hono {
  const app = new Hono();
  const packed = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  app.get("/dashboard/assets/:build/:name", async (c) => {
    const { build, name } = c.req.param();
    const text = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    if (text === undefined || build !== BUILD) return c.notFound();
    const etag = `"${BUILD}-${name}"`;
    const headers = {
      "Content-Type": `${name.endsWith(".css") ? "text/css" : "text/javascript"}; charset=utf-8`,
      "Cache-Control": `public, max-age=${YEAR_S}, immutable`,
      "Vary": "Accept-Encoding",
      "ETag": etag,
    };
    if (c.req.header("If-None-Match") === etag) return c.body(null, 304, headers);
    if (!/\bgzip\b/.test(c.req.header("Accept-Encoding") ?? "")) return c.body(text, 200, headers);
    const bytes = packed.get(name) ?? gzip(text);
    packed.set(name, bytes);
    return c.body(await bytes, 200, { ...headers, "Content-Encoding": "gzip" });
  });
  return app;
}

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
