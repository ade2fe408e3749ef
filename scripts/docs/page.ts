/** A generated page of the reference, and what pages are put together from. */

/** One page. A new one is a file beside this, and a line in `scripts/docs.ts`. */
export interface ReferencePage {
  /** Its path from the root of the repository. */
  readonly file: string;
  /** Markdown, before the formatter. */
  text(): string | Promise<string>;
}

/** What every page begins with. */
export function pageHead(title: string, from: string): string {
  return `# ${title}\n\n<!-- Written by \`deno task docs\` from ${from}: change it there. -->\n`;
}

/** A table. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cellOf).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Words as they are typed. */
export function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** Text that means nothing to Markdown but what stands between backticks. */
export function plain(text: string): string {
  return text.split(/(`[^`]*`)/)
    .map((part, at) => at % 2 === 1 ? part : part.replaceAll(/[*<>[\]]/g, (sign) => `\\${sign}`))
    .join("");
}

function cellOf(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
