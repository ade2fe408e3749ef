/** How full disks are. Apart from `usage.ts`, which the keeper loads: this takes time to load. */
import { statfsSync } from "node:fs";

/** The file system that a folder is on: used, and all that ordinary users can use, in bytes. */
export function diskNow(folder: string): { usedBytes: number; totalBytes: number } {
  const { bsize, blocks, bfree, bavail } = statfsSync(folder);
  const usedBytes = (blocks - bfree) * bsize;
  return { usedBytes, totalBytes: usedBytes + bavail * bsize };
}
