/** The text of a file that somebody wrote, of which too much is refused. */
import { messageOf } from "../../base/errors.ts";

/**
 * Reads one.
 *
 * @param refuse makes the error of why it cannot be read
 */
export function fileText(
  path: string,
  of: { maxBytes: number; refuse: (why: string, cause: unknown) => Error },
): string {
  try {
    if (Deno.statSync(path).size > of.maxBytes) {
      throw new Error(`it is larger than ${of.maxBytes} bytes`);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
  } catch (error) {
    const why = error instanceof TypeError ? "it is no UTF-8 text" : messageOf(error);
    throw of.refuse(`${path} cannot be read: ${why}`, error);
  }
}
