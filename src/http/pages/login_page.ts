/** What the browser sees without a session. */
import { html } from "hono/html";
import { layout } from "./layout.ts";

/** Says why there is nothing to see, and what to do. */
export function loginNeededPage(why: string): ReturnType<typeof html> {
  return layout({
    title: "log in",
    body: html`
      <p>${why}</p>
      <p>Run <code>iris cluster status</code> for a fresh link.</p>
    `,
  });
}
