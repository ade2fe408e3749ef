/** The frame of every page: no script and no style in it, no font, nothing from elsewhere. */
import { html } from "hono/html";

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
            <link rel="stylesheet" href="/assets/style.css" />
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
