/**
 * What VMs and their bootstrap said: the last lines in memory, more of them in a file for each VM,
 * which stays for a while after the VM is gone. Both are bounded. Owned by the VM manager's loop;
 * lines reach the disk about twice a second. A disk that refuses them costs older lines, nothing else.
 */
import { messageOf, plainLine } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { VmLogLine } from "./fleet.ts";

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

interface Said {
  lines: VmLogLine[];
  /** Not written yet. */
  owed: VmLogLine[];
  /** Of its file, in bytes; null when it was not looked at yet. */
  bytes: number | null;
  /** When it was proved gone, wall time in ms. */
  goneMs: number | null;
}

/** Keeps what VMs say. */
export class VmLogs {
  readonly #folder: string | null;
  readonly #vms = new Map<string, Said>();
  #failed = false;

  /** @param folder where files go; null for memory alone. Made when there is something to write */
  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /** Takes a line in. */
  add(vm: string, line: VmLogLine): void {
    const said = this.#said(vm);
    const one = { atMs: line.atMs, text: plainLine(line.text, MAX_LINE_CHARS) };
    said.lines.push(one);
    if (said.lines.length > MAX_LINES * 2) said.lines = said.lines.slice(-MAX_LINES);
    if (this.#folder === null) return;
    said.owed.push(one);
    if (said.owed.length > MAX_LINES * 2) said.owed = said.owed.slice(-MAX_LINES);
  }

  /** Whether anything is known of a VM. */
  has(vm: string): boolean {
    return this.#vms.has(vm) || this.#read(vm).length > 0;
  }

  /** The last lines that a VM said, oldest first. */
  tail(vm: string, count: number): readonly VmLogLine[] {
    const said = this.#vms.get(vm);
    if (said !== undefined && (said.lines.length >= count || this.#folder === null)) {
      return count === 0 ? [] : said.lines.slice(-count);
    }
    if (said !== undefined) this.#write(vm, said);
    const read = this.#read(vm);
    const lines = read.length > 0 ? read : said?.lines ?? [];
    return count === 0 ? [] : lines.slice(-count);
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
    const said: Said = { lines: [], owed: [], bytes: null, goneMs: null };
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
    try {
      Deno.mkdirSync(this.#folder!, { recursive: true, mode: 0o700 });
      said.bytes ??= sizeOf(path);
      if (said.bytes > MAX_FILE_BYTES) {
        Deno.renameSync(path, `${path}.old`);
        said.bytes = 0;
      }
      Deno.writeTextFileSync(path, text, { append: true, mode: 0o600 });
      said.bytes += text.length;
      said.owed = [];
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) {
        logger("vm").warn("what VMs say cannot be written: {error}", { error: messageOf(error) });
      }
      this.#failed = true;
    }
  }

  #read(vm: string): readonly VmLogLine[] {
    const path = this.#path(vm);
    if (path === null) return [];
    return [...linesOf(`${path}.old`), ...linesOf(path)];
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

function linesOf(path: string): VmLogLine[] {
  try {
    return Deno.readTextFileSync(path).split("\n").flatMap(parsed);
  } catch {
    return [];
  }
}

/** A line that a crash cut short is left out. */
function parsed(line: string): VmLogLine[] {
  try {
    const { atMs, text } = JSON.parse(line);
    return typeof atMs === "number" && typeof text === "string" ? [{ atMs, text }] : [];
  } catch {
    return [];
  }
}
