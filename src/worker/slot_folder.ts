/** What lies in a worker's folder of slot files. Reads only. */
import { lastKeeper } from "./keeper/slots.ts";
import { TIMES_SUFFIX } from "./keeper/times_writer.ts";

/** One slot file. */
export interface SlotFileEntry {
  /** `<slot>.<rotation>.out` or `.err`. */
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** What it takes on the disk, with the notes beside it. */
  readonly diskBytes: number;
  readonly writtenAtMs: number;
  /** True when the keeper may write to it again. */
  readonly isCurrent: boolean;
}

const BLOCK = 512;
const NAME = /^(\d+)\.(\d+)\.(?:out|err)$/;

/** Every slot file of a folder. */
export function listSlotFiles(folder: string): SlotFileEntry[] {
  const names: { name: string; slot: number; rotation: number }[] = [];
  const latest = new Map<number, number>();
  for (const { name } of Deno.readDirSync(folder)) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [slot, rotation] = [Number(match[1]), Number(match[2])];
    names.push({ name, slot, rotation });
    latest.set(slot, Math.max(latest.get(slot) ?? 0, rotation));
  }
  const { firstRotation } = lastKeeper(folder);
  const files: SlotFileEntry[] = [];
  for (const { name, slot, rotation } of names) {
    const path = `${folder}/${name}`;
    const stat = statOrNull(path);
    if (stat === null) continue;
    const times = statOrNull(`${path}${TIMES_SUFFIX}`);
    files.push({
      name,
      path,
      size: stat.size,
      diskBytes: diskOf(stat) + (times === null ? 0 : diskOf(times)),
      writtenAtMs: stat.mtime?.getTime() ?? 0,
      isCurrent: rotation >= firstRotation && rotation === latest.get(slot),
    });
  }
  return files;
}

function diskOf({ blocks, size }: Deno.FileInfo): number {
  return blocks === null ? size : blocks * BLOCK;
}

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}
