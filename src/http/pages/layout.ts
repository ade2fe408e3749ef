/** The frame of every page: no script, no font, nothing from elsewhere. */
import { html, raw } from "hono/html";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --bad: #c0392b; --good: #27864b; --dim: #888; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; } code, pre { font: 13px/1.5 ui-monospace, monospace; }
.dim { color: var(--dim); } .bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); }
pre { overflow-x: auto; }
`;

type Html = ReturnType<typeof html>;

/** A whole page. `refreshSeconds` reloads it, for readers without JavaScript too. */
export function layout(
  page: { title: string; body: Html; refreshSeconds?: number },
): Html {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width" />
            ${page.refreshSeconds === undefined
              ? ""
              : html`<meta http-equiv="refresh" content="${page.refreshSeconds}" />`}
            <title>Iris: ${page.title}</title>
            <style>${raw(STYLE)}</style>
          </head>
      <body>
            ${page.body}
          </body>
    </html>
  `;
}
