/**
 * What VMs and their bootstrap said: the last lines in memory, more of them in a file for each VM,
 * which stays for a while after the VM is gone. Both are bounded. Owned by the VM manager's loop;
 * lines reach the disk about twice a second. A disk that refuses them costs older lines, nothing else.
 *
 * Each line has a number, by which readers go on. It is the time of the line in ms, or one more than
 * the line before where that is not less: so it grows also over a restart that lost the last lines.
 */
import { messageOf, plainLine } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { VmLogLine, VmLogPlace } from "./fleet.ts";

/** Lines of a VM that are kept in memory. */
const MAX_LINES = 500;
/** A longer line is cut, in characters. */
const MAX_LINE_CHARS = 4_000;
/** A file that grew beyond this becomes the older half, and the one before it goes, in bytes. */
const MAX_FILE_BYTES = 512 * 1024;
/** What a VM said can be read for this long after it is gone, in ms. */
export const GONE_KEPT_MS = 60 * 60_000;
/** Of so many VMs that are gone at most; the ones that went first are forgotten first. */
const MAX_GONE = 200;
/** The name of a VM is the name of its file. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** How much of the end of a file is looked at for the number of its last line, in bytes. */
const LAST_LINE_BYTES = 32 * 1024;

interface Line extends VmLogLine {
  readonly seq: number;
}

/** What is read of a log. */
export interface VmLogPart extends Omit<VmLogPlace, "over"> {
  readonly lines: readonly VmLogLine[];
  /** True when there are more behind these. */
  readonly more: boolean;
}

interface Said {
  lines: Line[];
  /** Not written yet. */
  owed: Line[];
  /** The number of the last line. */
  last: number;
  /** Of its file, in bytes; null when it was not looked at yet. */
  bytes: number | null;
  /** When it was proved gone, wall time in ms. */
  goneMs: number | null;
}

/** Keeps what VMs say. */
export class VmLogs {
  readonly #folder: string | null;
  readonly #tell: (vm: string) => void;
  readonly #vms = new Map<string, Said>();
  #failed = false;

  /**
   * @param folder where files go; null for memory alone. Made when there is something to write
   * @param said told after each line, with the VM's name
   */
  constructor(folder: string | null, said: (vm: string) => void = () => {}) {
    this.#folder = folder;
    this.#tell = said;
  }

  /** Takes a line in. */
  add(vm: string, line: VmLogLine): void {
    const said = this.#said(vm);
    said.last = Math.max(said.last + 1, Math.floor(line.atMs));
    const one = { seq: said.last, atMs: line.atMs, text: plainLine(line.text, MAX_LINE_CHARS) };
    said.lines.push(one);
    if (said.lines.length > MAX_LINES * 2) said.lines = said.lines.slice(-MAX_LINES);
    if (this.#folder !== null) said.owed.push(one);
    if (said.owed.length > MAX_LINES * 2) said.owed = said.owed.slice(-MAX_LINES);
    this.#tell(vm);
  }

  /** Whether anything is known of a VM. */
  has(vm: string): boolean {
    return this.#vms.has(vm) || this.#read(vm).length > 0;
  }

  /** Whether a VM that was heard here is proved gone. */
  isGone(vm: string): boolean {
    return typeof this.#vms.get(vm)?.goneMs === "number";
  }

  /** The last lines that a VM said, oldest first. */
  tail(vm: string, count: number): VmLogPart {
    const lines = this.#kept(vm, (kept) => kept.length >= count);
    const next = lines.at(-1)?.seq ?? 0;
    return {
      lines: count === 0 ? [] : lines.slice(-count).map(told),
      next,
      lost: false,
      more: false,
    };
  }

  /** What a VM said behind a place, oldest first. @param max of so many lines the first */
  behind(vm: string, after: number, max: number): VmLogPart {
    const lines = this.#kept(vm, ([first]) => first !== undefined && first.seq <= after);
    const from = lines.findIndex(({ seq }) => seq > after);
    const all = from === -1 ? [] : lines.slice(from);
    const some = all.slice(0, max);
    const next = (some.at(-1) ?? lines.at(-1))?.seq ?? 0;
    // The line of that place is always kept with those behind it.
    const lost = after > 0 && !lines.some(({ seq }) => seq === after);
    return { lines: some.map(told), next, lost, more: some.length < all.length };
  }

  /** The lines of a VM: those in memory where they are enough, else those on disk. */
  #kept(vm: string, isEnough: (lines: readonly Line[]) => boolean): readonly Line[] {
    const said = this.#vms.get(vm);
    if (said !== undefined && (this.#folder === null || isEnough(said.lines))) return said.lines;
    if (said !== undefined) this.#write(vm, said);
    const read = this.#read(vm);
    // What the disk refused is in memory only.
    return said === undefined || said.owed.length === 0 && read.length > 0
      ? read
      : [...read.filter(({ seq }) => seq < (said.lines[0]?.seq ?? Infinity)), ...said.lines];
  }

  /** A VM is proved gone: what it said stays for a while. */
  gone(vm: string, wallMs: number): void {
    const said = this.#vms.get(vm);
    if (said === undefined || said.goneMs !== null) return;
    said.goneMs = wallMs;
    // It moves to the end: the map's order is then the order in which they went.
    this.#vms.delete(vm);
    this.#vms.set(vm, said);
  }

  /** Writes what is owed. Cheap when nothing is. */
  flush(): void {
    if (this.#folder === null) return;
    for (const [vm, said] of this.#vms) if (said.owed.length > 0) this.#write(vm, said);
  }

  /** Forgets what is old. @param live VMs that are there: their files stay whatever their age */
  sweep(wallMs: number, live: ReadonlySet<string>): void {
    const gone = [...this.#vms].filter(([, { goneMs }]) => goneMs !== null);
    const tooMany = gone.length - MAX_GONE;
    for (const [at, [vm, { goneMs }]] of gone.entries()) {
      if (at >= tooMany && wallMs - goneMs! < GONE_KEPT_MS) continue;
      this.#vms.delete(vm);
      this.#forget(vm);
    }
    // Files of an earlier VM manager.
    for (const { vm, changedMs } of this.#files()) {
      if (!live.has(vm) && !this.#vms.has(vm) && wallMs - changedMs > GONE_KEPT_MS) {
        this.#forget(vm);
      }
    }
  }

  #said(vm: string): Said {
    const known = this.#vms.get(vm);
    if (known !== undefined) return known;
    const last = this.#lastOf(vm);
    const said: Said = { lines: [], owed: [], last, bytes: null, goneMs: null };
    this.#vms.set(vm, said);
    return said;
  }

  #path(vm: string): string | null {
    return this.#folder === null || !FILE_NAME.test(vm) ? null : `${this.#folder}/${vm}.log`;
  }

  #write(vm: string, said: Said): void {
    const path = this.#path(vm);
    if (path === null || said.owed.length === 0) return;
    const text = said.owed.map((line) => `${JSON.stringify(line)}\n`).join("");
    const bytes = new TextEncoder().encode(text);
    try {
      Deno.mkdirSync(this.#folder!, { recursive: true, mode: 0o700 });
      said.bytes ??= sizeOf(path);
      if (said.bytes > MAX_FILE_BYTES) {
        Deno.renameSync(path, `${path}.old`);
        said.bytes = 0;
      }
      Deno.writeFileSync(path, bytes, { append: true, mode: 0o600 });
      said.bytes += bytes.length;
      said.owed = [];
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) {
        logger("vm").warn("what VMs say cannot be written: {error}", { error: messageOf(error) });
      }
      this.#failed = true;
    }
  }

  #read(vm: string): readonly Line[] {
    const path = this.#path(vm);
    if (path === null) return [];
    return [...linesOf(`${path}.old`), ...linesOf(path)];
  }

  /** The number of the last line that an earlier VM manager wrote; 0 for none. */
  #lastOf(vm: string): number {
    const path = this.#path(vm);
    if (path === null) return 0;
    const end = endOf(path);
    const lines = (end === "" ? endOf(`${path}.old`) : end).split("\n").flatMap(parsed);
    return lines.at(-1)?.seq ?? 0;
  }

  #forget(vm: string): void {
    const path = this.#path(vm);
    if (path === null) return;
    for (const file of [path, `${path}.old`]) {
      try {
        Deno.removeSync(file);
      } catch {
        // Not there, or not to be had: the next sweep looks again.
      }
    }
  }

  #files(): { vm: string; changedMs: number }[] {
    const found: { vm: string; changedMs: number }[] = [];
    if (this.#folder === null) return found;
    try {
      for (const { name } of Deno.readDirSync(this.#folder)) {
        const vm = /^(.+)\.log(?:\.old)?$/.exec(name)?.[1];
        if (vm === undefined) continue;
        const changedMs = Deno.statSync(`${this.#folder}/${name}`).mtime?.getTime() ?? 0;
        found.push({ vm, changedMs });
      }
    } catch {
      // No folder yet.
    }
    return found;
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

function endOf(path: string): string {
  try {
    using file = Deno.openSync(path);
    const size = file.statSync().size;
    file.seekSync(Math.max(0, size - LAST_LINE_BYTES), Deno.SeekMode.Start);
    const bytes = new Uint8Array(LAST_LINE_BYTES);
    return new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  } catch {
    return "";
  }
}

function told({ atMs, text }: Line): VmLogLine {
  return { atMs, text };
}

function linesOf(path: string): Line[] {
  try {
    return Deno.readTextFileSync(path).split("\n").flatMap(parsed);
  } catch {
    return [];
  }
}

/** A line that a crash cut short is left out. */
function parsed(line: string): Line[] {
  try {
    const { seq, atMs, text } = JSON.parse(line);
    const isLine = Number.isSafeInteger(seq) && typeof atMs === "number" &&
      typeof text === "string";
    return isLine ? [{ seq, atMs, text }] : [];
  } catch {
    return [];
  }
}
