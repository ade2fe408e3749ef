/** The frame of every page: navigation, theme, where the scripts are. Nothing in it is from elsewhere. */
import { assetPath } from "./assets.ts";
import { type Html, markup, NOTHING, type Part, when } from "./markup.ts";
import { NAV, type NavKey } from "./view.ts";
import type { Viewer } from "./viewer.ts";

/** How bright pages are: as the system says, or as was chosen. */
export const THEMES = ["auto", "light", "dark"] as const;

/** See {@linkcode THEMES}. */
export type Theme = (typeof THEMES)[number];

/** The cookie with the theme. */
export const THEME_COOKIE = "iris_theme";

/** Readers without a script get a new page so often, in seconds. */
const REFRESH_SECONDS = 5;

/** An arrow that leaves a box. */
const LOG_OUT =
  markup`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M6 2H2v12h4M6 8h8M11 5l3 3-3 3"/></svg>`;

const THEME_ICONS: Readonly<Record<Theme, Html>> = {
  auto:
    markup`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6"/><path class="full" d="M8 2a6 6 0 0 1 0 12z"/></svg>`,
  light:
    markup`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="3"/><path d="M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.5 1.5M11.500 11.500L13 13M13 3l-1.500 1.500M4.500 11.500L3 13"/></svg>`,
  dark:
    markup`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M13.500 10A6 6 0 0 1 6 2.500a6 6 0 1 0 7.500 7.500z"/></svg>`,
};

/** What a page is made of. */
export interface ShellPage {
  readonly title: string;
  readonly nav: NavKey | null;
  /** Who looks; null when nobody knows. */
  readonly viewer: Viewer | null;
  /** Its address. */
  readonly path: string;
  readonly body: Part;
  readonly theme: Theme;
  /** The address that is followed, and what of it is on the page; null for a page that stands still. */
  readonly live: { readonly path: string; readonly tag: string } | null;
}

/** A drop with an iris, 16 pixels wide. */
const ICON = "data:image/svg+xml," + encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#6554d9"/><circle cx="8" cy="8" r="3.4" fill="#fff"/><circle cx="8" cy="8" r="1.6" fill="#241a66"/></svg>`,
);

/** A whole page. */
export function shell(page: ShellPage): Html {
  const { title, nav, body, theme, live, path, viewer } = page;
  const forced = theme === "auto" ? NOTHING : markup` data-theme="${theme}"`;
  const followed = live === null
    ? NOTHING
    : markup` data-live="${live.path}" data-tag="${live.tag}"`;
  return markup`<!doctype html>
<html lang="en"${forced}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="same-origin">
<meta name="color-scheme" content="light dark">
${
    when(live !== null, () =>
      markup`<noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}"></noscript>`)
  }
<title>${title} · Iris</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="${assetPath("style.css")}">
<link rel="modulepreload" href="${assetPath("live.js")}">
<script type="module" src="${assetPath("app.js")}"></script>
</head>
<body${followed}>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/"><svg viewBox="0 0 16 16" aria-hidden="true"><circle class="b1" cx="8" cy="8" r="7"/><circle class="b2" cx="8" cy="8" r="3.4"/><circle class="b3" cx="8" cy="8" r="1.6"/></svg> Iris</a>
<nav aria-label="main">${
    NAV.filter(([, , path]) => viewer?.may(`GET ${path}`) !== false).map(([key, name, path]) =>
      markup`<a href="${path}"${when(key === nav, () => markup` aria-current="page"`)}>${name}</a>`
    )
  }</nav>
<p id="live-state" role="status" data-state="still"></p>
<button id="help-button" class="quiet" title="Keys ( ? )" aria-label="Keys" hidden>?</button>
${themeForm(theme, path)}
${
    when(viewer !== null, () =>
      markup`<form method="post" action="/logout"><button class="quiet" title="Log out (${
        viewer!.role
      }${
        viewer!.user === null ? "" : ` ${viewer!.user}`
      })" aria-label="Log out">${LOG_OUT}</button></form>`)
  }
</header>
<main id="main" tabindex="-1">
${body}
</main>
<dialog id="help" aria-labelledby="help-title"><h2 id="help-title">Keys</h2><dl class="keys">
<div><dt><kbd>/</kbd></dt><dd>search</dd></div>
<div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next and previous row</dd></div>
<div><dt><kbd>Enter</kbd></dt><dd>open the row</dd></div>
${
    NAV.map(([, name, , key]) =>
      markup`<div><dt><kbd>g</kbd> <kbd>${key}</kbd></dt><dd>${name}</dd></div>`
    )
  }
<div><dt><kbd>u</kbd></dt><dd>up: to the list, or the job of a task</dd></div>
<div><dt><kbd>?</kbd></dt><dd>this</dd></div>
</dl><form method="dialog"><button class="button">Close</button></form></dialog>
</body>
</html>`;
}

function themeForm(theme: Theme, path: string): Html {
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  return markup`<form class="theme" method="post" action="/dashboard/theme"><input type="hidden" name="back" value="${path}"><button name="theme" value="${next}" class="quiet" title="Theme: ${theme}. Change to ${next}" aria-label="Theme: ${theme}. Change to ${next}">${
    THEME_ICONS[theme]
  }</button></form>`;
}
