/** The colours that programs write: escape sequences as spans. What is no colour is left out. */

const SEQUENCE =
  // deno-lint-ignore no-control-regex -- an escape sequence begins with a control character
  /\x1b(?:\[([0-9;:?<=>]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g;

/** How text looks before anything was said. */
export const PLAIN = Object.freeze({ fg: null, bg: null, marks: "" });

/** The levels of the colour cube. */
const LEVELS = [0, 95, 135, 175, 215, 255];

function cube(n) {
  if (n < 16) return `c${n}`;
  if (n >= 232) return `rgb(${Array(3).fill(8 + 10 * (n - 232)).join(" ")})`;
  const at = n - 16;
  const parts = [Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6];
  return `rgb(${parts.map((part) => LEVELS[part]).join(" ")})`;
}

/** A colour after 38 or 48, and how many numbers it took. */
function colourOf([kind, ...rest]) {
  if (kind === 5) return [cube(Math.min(255, Math.max(0, rest[0] ?? 0))), 2];
  if (kind === 2) return [`rgb(${rest.slice(0, 3).map((n) => Math.min(255, n)).join(" ")})`, 4];
  return [null, 1];
}

const MARKS = { 1: "b", 2: "d", 3: "i", 4: "u", 7: "r", 9: "x" };

function without(marks, gone) {
  return [...marks].filter((mark) => !gone.includes(mark)).join("");
}

function sgr(look, text) {
  const codes = text === "" ? [0] : text.split(/[;:]/).map(Number);
  let { fg, bg, marks } = look;
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    if (code === 0) [fg, bg, marks] = [null, null, ""];
    else if (code in MARKS) marks = without(marks, MARKS[code]) + MARKS[code];
    else if (code === 22) marks = without(marks, "bd");
    else if (code >= 23 && code <= 29) marks = without(marks, MARKS[code - 20] ?? "");
    else if (code >= 30 && code <= 37) fg = `c${code - 30}`;
    else if (code >= 90 && code <= 97) fg = `c${code - 82}`;
    else if (code >= 40 && code <= 47) bg = `c${code - 40}`;
    else if (code >= 100 && code <= 107) bg = `c${code - 92}`;
    else if (code === 39) fg = null;
    else if (code === 49) bg = null;
    else if (code === 38 || code === 48) {
      const [colour, took] = colourOf(codes.slice(at + 1));
      if (code === 38) fg = colour;
      else bg = colour;
      at += took;
    }
  }
  return { fg, bg, marks };
}

/**
 * A line as pieces of one look each, and how text looks after it.
 *
 * @param {string} line
 * @param {{ fg: string | null, bg: string | null, marks: string }} look
 */
export function pieces(line, look = PLAIN) {
  // A terminal would write over what came before the return.
  const shown = line.replace(/\r+$/, "").replace(/^.*\r/s, "");
  const found = [];
  let at = 0;
  for (const { 0: all, 1: codes, 2: end, index } of shown.matchAll(SEQUENCE)) {
    if (index > at) found.push({ text: shown.slice(at, index), ...look });
    at = index + all.length;
    if (end === "m") look = sgr(look, codes);
  }
  if (at < shown.length) found.push({ text: shown.slice(at), ...look });
  return { pieces: found, look };
}

/** Puts a line into a box, as text and spans. */
export function render(box, line, look) {
  const { pieces: found, look: after } = pieces(line, look);
  box.append(...found.map(({ text, fg, bg, marks }) => {
    if (fg === null && bg === null && marks === "") return text;
    const span = document.createElement("span");
    for (const mark of marks) span.classList.add(`m-${mark}`);
    for (const [kind, colour] of [["fg", fg], ["bg", bg]]) {
      if (colour === null) continue;
      if (colour.startsWith("c")) span.classList.add(`${kind}-${colour}`);
      else span.style.setProperty(kind === "fg" ? "color" : "background-color", colour);
    }
    span.textContent = text;
    return span;
  }));
  return after;
}
