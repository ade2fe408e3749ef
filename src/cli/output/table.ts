/** Plain tables for the terminal. */
import { unicodeWidth } from "@std/cli/unicode-width";

/**
 * Rows under a header, columns two spaces apart, the last one unpadded.
 *
 * @param rows cells; all rows as long as the header
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = header.map((name, column) =>
    Math.max(unicodeWidth(name), ...rows.map((row) => unicodeWidth(row[column] ?? "")))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) =>
      column === cells.length - 1
        ? cell
        : cell + " ".repeat((widths[column] ?? 0) - unicodeWidth(cell))
    ).join("  ").trimEnd();
  return [line(header), ...rows.map(line)].join("\n");
}

/** A duration for people: `340 ms`, `12.3 s`, `5 m 3 s`, `3 h 5 m`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} m ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}
