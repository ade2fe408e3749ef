/** The differences of two values, line by line, for the message of a failed equality. */
import { bold, format, gray, green, red, white } from "./_text.ts";

/** A line that both sides have, or that only one of them has. */
type Line = { kind: "common" | "actual" | "expected"; text: string };

/** Above this many cells the table of the comparison costs more than its result helps. */
const MAX_CELLS = 4_000_000;

/** The heading and the lines of the comparison of two values. */
export function diffMessage(actual: unknown, expected: unknown): string {
  const head = `    ${gray(bold("[Diff]"))} ${red(bold("Actual"))} / ${green(bold("Expected"))}`;
  const [a, b] = typeof actual === "string" && typeof expected === "string"
    ? [visible(actual), visible(expected)]
    : [format(actual), format(expected)];
  const lines = compareLines(a.split("\n"), b.split("\n"));
  return ["", "", head, "", "", ...lines.map(print), ""].join("\n");
}

/** White space and backslashes as one would type them; a line feed also still ends its line. */
function visible(text: string): string {
  const names: Record<string, string> = {
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\t": "\\t",
    "\v": "\\v",
    "\r": "\\r",
    "\n": "\\n\n",
  };
  // deno-lint-ignore no-control-regex -- \x08 is the backspace
  return text.replace(/[\\\x08\f\t\v\r\n]/g, (char) => names[char] ?? char);
}

function print({ kind, text }: Line): string {
  if (kind === "actual") return red(bold(`-   ${text}`));
  if (kind === "expected") return green(bold(`+   ${text}`));
  return white(`    ${text}`);
}

/** Common lines stay; between them the lines of the longer side come first. */
function compareLines(a: string[], b: string[]): Line[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (
    tail < a.length - head && tail < b.length - head &&
    a.at(-1 - tail) === b.at(-1 - tail)
  ) tail++;
  return [
    ...a.slice(0, head).map(common),
    ...compareMiddle(
      a.slice(head, a.length - tail),
      b.slice(head, b.length - tail),
    ),
    ...a.slice(a.length - tail).map(common),
  ];
}

const common = (text: string): Line => ({ kind: "common", text });

function compareMiddle(a: string[], b: string[]): Line[] {
  const expectedFirst = b.length > a.length;
  const lines: Line[] = [];
  let actual: Line[] = [];
  let expected: Line[] = [];
  const flush = () => {
    lines.push(
      ...(expectedFirst ? [...expected, ...actual] : [...actual, ...expected]),
    );
    actual = [];
    expected = [];
  };
  let [i, j] = [0, 0];
  for (
    const [nextI, nextJ] of [
      ...commonPairs(a, b),
      [a.length, b.length] as const,
    ]
  ) {
    for (; i < nextI; i++) actual.push({ kind: "actual", text: a[i] ?? "" });
    for (; j < nextJ; j++) {
      expected.push({ kind: "expected", text: b[j] ?? "" });
    }
    flush();
    if (i < a.length && j < b.length) lines.push(common(a[i] ?? ""));
    i++;
    j++;
  }
  return lines;
}

/** The index pairs of a longest common subsequence (the usual table, filled from the end). */
function commonPairs(a: string[], b: string[]): (readonly [number, number])[] {
  const width = b.length + 1;
  if ((a.length + 1) * width > MAX_CELLS) return [];
  const longest = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => longest[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j]
        ? at(i + 1, j + 1) + 1
        : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}
