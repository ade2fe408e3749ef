/** How large the file system is that holds a folder. */
import { statfsSync } from "node:fs";

/** Its size in bytes, or null where it cannot be told. */
export function diskBytes(folder: string): number | null {
  try {
    const { blocks, bsize } = statfsSync(folder);
    return blocks > 0 ? blocks * bsize : null;
  } catch {
    return null;
  }
}
