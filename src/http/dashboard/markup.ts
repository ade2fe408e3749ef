/** How pages are written: values are escaped by the template, and what a template gives can be nested. */
import { html, raw as unescaped } from "hono/html";

/** Markup whose values are escaped. */
export type Html = ReturnType<typeof html>;

/** What may stand in markup. */
export type Part = Html | string | number | readonly (Html | string)[];

/** Under a name of its own, since whatever formats `html` adds white space, which pages would show. */
export const markup = html;

/** Nothing. */
export const NOTHING: Html = markup``;

/** Some markup, or nothing. */
export function when(condition: boolean, what: () => Html): Html {
  return condition ? what() : NOTHING;
}

/** The text of markup. */
export async function textOf(part: Html): Promise<string> {
  return String(await part);
}

/** Text that is markup already, with everything in it escaped. */
export function raw(text: string): Html {
  return unescaped(text);
}
