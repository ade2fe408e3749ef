/** What the browser sees without a session. */
import { html } from "hono/html";
import { layout } from "./layout.ts";

/** Says why there is nothing to see, and takes a token. @param next where to go from there */
export function loginNeededPage(why: string, next = "/"): ReturnType<typeof html> {
  return layout({
    title: "log in",
    body: html`
      <h1>Iris</h1>
      <p>${why}</p>
      <p>Run <code>iris cluster status</code> for a fresh login link, or paste a token:</p>
      <form method="post" action="/login">
        <input type="hidden" name="next" value="${next}" />
        <label>Token <input type="password" name="token" autocomplete="off" required /></label>
        <button type="submit">Log in</button>
      </form>
    `,
  });
}
