/** A token in a file, as users hand it over. */

/** The token, or null when the file cannot be read or holds none. */
export function tokenIn(file: string): string | null {
  try {
    const text = Deno.readTextFileSync(file).trim();
    return text === "" ? null : text;
  } catch {
    return null;
  }
}
