/** Text that the assertions share: values for people, colours, the end of a message. */

/** How a message goes on: with the caller's own words, or with a full stop. */
export function ending(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}

/** A value as text, in full, with sorted keys so that two equal values give equal text. */
export function format(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    sorted: true,
    trailingComma: true,
    compact: false,
    iterableLimit: Infinity,
    strAbbreviateSize: Infinity,
    getters: true,
  });
}

/** Wraps text in a terminal style, unless NO_COLOR is set. */
function style(open: number, close: number): (text: string) => string {
  return (text) => Deno.noColor ? text : `\x1b[${open}m${text}\x1b[${close}m`;
}

/** Heavy text. */
export const bold = style(1, 22);
/** Red text: what was found. */
export const red = style(31, 39);
/** Green text: what was expected. */
export const green = style(32, 39);
/** Plain text between the coloured lines. */
export const white = style(37, 39);
/** Gray text: headings. */
export const gray = style(90, 39);

const ANSI_STYLE =
  // deno-lint-ignore no-control-regex -- the escape character is what is looked for
  /[\u001b\u009b][[\]()#;?]*(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]/g;

/** Text without terminal styles, so that coloured messages can be compared. */
export function withoutStyle(text: string): string {
  return text.replace(ANSI_STYLE, "");
}
