import { assertEquals } from "@std/assert";
import { unicodeWidth } from "@std/cli/unicode-width";

const CASES: [what: string, text: string, width: number][] = [
  ["letters", "hello, wörld", 12],
  ["Cyrillic", "голубой", 7],
  ["Han", "天地玄黃", 8],
  ["Hangul syllables and jamo", "\uac00\u1112\u1161\u11ab", 4],
  ["full and half width", "ｆ\uff9e", 3],
  ["a combining mark", "a\u0301", 1],
  ["emoji, each part for itself", "👩‍🔬", 4],
  ["a variation selector", "\u2764\ufe0f", 1],
  ["control characters", "\0\n\r\t\x1b\x7f\x80\x9f", 0],
  ["the soft hyphen and the zero width space", "\u00ad\u200b", 1],
  ["Han beyond the first plane, assigned or not", "\u{20000}\u{2fffd}", 4],
  ["the last code points", "\u{2fffe}\u{10ffff}", 2],
  ["a lone surrogate", "\ud800", 1],
  ["nothing", "", 0],
];

for (const [what, text, width] of CASES) {
  Deno.test(`width of ${what}`, () => assertEquals(unicodeWidth(text), width));
}
