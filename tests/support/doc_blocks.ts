/** The blocks of a Markdown page: what a reader types, what comes of it, and files that are written. Pure. */

/** A fenced block. */
export interface DocBlock {
  readonly page: string;
  /** The heading that it stands under. */
  readonly section: string;
  /** Its line in the page, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** The last line of prose in front of it, when nothing but space is between. */
  readonly lead: string;
}

const FENCE = /^(\s*)```(\w*)\s*$/;

/** Every fenced block of a page, in order. */
export function docBlocks(page: string, markdown: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  let section = "";
  let lead = "";
  let open: { line: number; language: string; text: string[]; indent: number } | null = null;
  for (const [at, line] of markdown.split("\n").entries()) {
    const fence = FENCE.exec(line);
    if (open !== null) {
      if (fence === null) {
        open.text.push(line.slice(open.indent));
        continue;
      }
      const { language, text } = open;
      blocks.push({ page, section, line: open.line, language, text: `${text.join("\n")}\n`, lead });
      open = null;
      lead = "";
    } else if (fence !== null) {
      open = { line: at + 1, language: fence[2]!, text: [], indent: fence[1]!.length };
    } else if (line.startsWith("#")) {
      section = line.replace(/^#+ /, "");
      lead = "";
    } else if (line.trim() !== "") {
      lead = line;
    }
  }
  return blocks;
}

/** Where a block stands, for messages. */
export function placeOf({ page, line }: DocBlock): string {
  return `${page}:${line}`;
}

/** The file that a block is to be written to: the one that the line before it names at its end. */
export function fileOf({ lead, language }: DocBlock): string | null {
  if (language === "sh" || language === "") return null;
  return /`([\w-]+\.(?:yaml|ts|txt))`[^`]*:$/.exec(lead)?.[1] ?? null;
}

/** What a block of commands ends with, where it says so: `# ends with 2`. */
export function endOf({ text }: DocBlock): number {
  return Number(/# ends with (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** Whether a block starts something that stays up. */
export function staysUp({ text }: DocBlock): boolean {
  return /^(exec )?(\S*iris|npx -y deno@[\d.]+ task iris) --mode=/m.test(text) &&
    !text.includes("--dry-run");
}

/** A line of output without what differs from one run to the next: numbers, times, sizes, ids. */
export function loose(line: string): string {
  return line.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "T")
    .replaceAll(/\b(?=[a-f]*\d)[0-9a-f]{8,}\b/g, "H")
    .replaceAll(/\d[\d.,]*( (ms|s|min|h|d|B|[KMGT]iB)\b)?/g, "N")
    .replaceAll(/[-─]{3,}/g, "-")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** The lines of an expected output that are not in the real one; `...` stands for any. */
export function missingLines(expected: string, real: string): string[] {
  const there = new Set(real.split("\n").map(loose));
  return expected.split("\n").filter((line) =>
    !/^\s*(\.\.\.)?\s*$/.test(line) && !there.has(loose(line))
  );
}
