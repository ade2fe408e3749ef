/**
 * The one style of all pages, out of its pieces: light, dark, wide and narrow. The dark theme is used
 * where it was chosen, and where nothing was and the reader's system is dark.
 */
import DARK from "./client/dark.css" with { type: "text" };
import FRAME from "./client/frame.css" with { type: "text" };
import LIGHT from "./client/light.css" with { type: "text" };
import LOG from "./client/log.css" with { type: "text" };
import PAGES from "./client/pages.css" with { type: "text" };
import PARTS from "./client/parts.css" with { type: "text" };

const DARK_COLOURS = DARK.slice(DARK.indexOf("{"));

/** See the head of this file. */
export const STYLE: string = [
  LIGHT,
  `:root[data-theme="dark"] ${DARK_COLOURS}`,
  `@media (prefers-color-scheme: dark) { :root:not([data-theme]) ${DARK_COLOURS} }`,
  ...[FRAME, PARTS, LOG, PAGES],
].join("\n");
