/** How this program is started again, as another role. */
import { fromFileUrl } from "../base/file_url.ts";

/** The executable and the arguments before the program's own. */
export function selfCommand(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = fromFileUrl(new URL("../../main.ts", import.meta.url));
  return [Deno.execPath(), "run", "-A", "--quiet", "--no-check", main];
}
