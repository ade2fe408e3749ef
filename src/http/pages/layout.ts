/** The frame of every page: no script in it, no font, nothing from elsewhere. */
import { html, raw } from "hono/html";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --bad: #c0392b; --good: #27864b; --dim: #888; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; } code, pre { font: 13px/1.5 ui-monospace, monospace; }
.dim { color: var(--dim); } .bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); }
pre { overflow-x: auto; } a { color: inherit; }
.log { max-height: 70vh; overflow: auto; border: 1px solid var(--line); padding: .5rem; }
.log div { font: 13px/1.5 ui-monospace, monospace; min-height: 1.5em; white-space: pre-wrap; overflow-wrap: anywhere; }
.log .err { color: var(--bad); }
`;

type Html = ReturnType<typeof html>;

/** What a page is made of. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Reloads the page so often, in seconds. */
  readonly refreshSeconds?: number;
  /** The same for readers without JavaScript only. */
  readonly refreshWithoutScript?: number;
}

/** A whole page. */
export function layout(page: Page): Html {
  const { refreshSeconds, refreshWithoutScript } = page;
  return html`
    <!doctype html>
    <html lang="en">
      <head>
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width" />
            ${refreshSeconds === undefined ? "" : refresh(refreshSeconds)}
            ${refreshWithoutScript === undefined
              ? ""
              : html`<noscript>${refresh(refreshWithoutScript)}</noscript>`}
            <title>Iris: ${page.title}</title>
            <style>${raw(STYLE)}</style>
          </head>
      <body>
            ${page.body}
          </body>
    </html>
  `;
}

function refresh(seconds: number): Html {
  return html`<meta http-equiv="refresh" content="${seconds}" />`;
}
