/** The frame of a page outside of the dashboard: no script and no style in it, nothing from elsewhere. */
import { html } from "hono/html";

type Html = ReturnType<typeof html>;

/** What a page is made of. */
export interface Page {
  readonly title: string;
  readonly body: Html;
}

/** A whole page. */
export function layout({ title, body }: Page): Html {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Iris</title>
        <link rel="stylesheet" href="/assets/style.css" />
      </head>
      <body>
        <main class="alone">${body}</main>
      </body>
    </html>
  `;
}
