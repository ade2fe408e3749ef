/**
 * The one form in which folders travel: a tar archive of the POSIX kind (`pax`), which any `tar` can
 * read, and of it only what a folder needs: files, folders, symbolic links. Everything that would
 * differ from one packing to the next (times, owners) is left at zero. Pure: bytes in, bytes out.
 *
 * Archives are not compressed: what one unpacks to is never more than what was sent, so there is no
 * small one that fills a disk.
 */
import { IrisError } from "../base/errors.ts";

/** One thing in a folder. Paths are relative, with `/` between names. */
export type TarEntry =
  | {
    readonly kind: "file";
    readonly path: string;
    readonly bytes: number;
    readonly executable: boolean;
  }
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** Who is told what is in an archive, in its order. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** A part of the file that the last entry began; the bytes are only valid until it returns. */
  data(bytes: Uint8Array): void;
  /** The file is complete. */
  endFile(): void;
}

/** Archives consist of blocks of so many bytes. */
export const TAR_BLOCK = 512;
/** What an archive ends with. */
export const TAR_END: Uint8Array<ArrayBuffer> = new Uint8Array(2 * TAR_BLOCK);

/** The longest path or target, in bytes of UTF-8. */
export const MAX_TAR_PATH_BYTES = 4_095;
/** The largest header of names that do not fit, in bytes. */
const MAX_PAX_BYTES = 16 * 1024;
/** What fits into a header's fields, in bytes. */
const NAME_BYTES = 100;
const MAX_OCTAL_BYTES = 8 ** 11 - 1;

const TYPES = { file: "0", link: "2", folder: "5", pax: "x" } as const;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The blocks before an entry's content. */
export function tarHeader(entry: TarEntry): Uint8Array<ArrayBuffer> {
  const bytes = entry.kind === "file" ? entry.bytes : 0;
  const target = entry.kind === "link" ? entry.target : "";
  const path = entry.kind === "folder" ? `${entry.path}/` : entry.path;
  const records = [
    ...(fits(path) ? [] : [paxRecord("path", path)]),
    ...(fits(target) ? [] : [paxRecord("linkpath", target)]),
    ...(bytes <= MAX_OCTAL_BYTES ? [] : [paxRecord("size", String(bytes))]),
  ];
  const executable = entry.kind === "folder" || (entry.kind === "file" && entry.executable);
  const own = block({
    name: fits(path) ? path : "long-name",
    target: fits(target) ? target : "long-target",
    mode: executable ? 0o755 : 0o644,
    bytes: bytes <= MAX_OCTAL_BYTES ? bytes : 0,
    type: TYPES[entry.kind],
  });
  if (records.length === 0) return own;
  const pax = encoder.encode(records.join(""));
  const head = { name: "names", target: "", mode: 0o644, bytes: pax.length, type: TYPES.pax };
  const all = new Uint8Array(TAR_BLOCK + pax.length + paddingOf(pax.length) + TAR_BLOCK);
  all.set(block(head));
  all.set(pax, TAR_BLOCK);
  all.set(own, all.length - TAR_BLOCK);
  return all;
}

/** How many zeros follow a content of so many bytes. */
export function paddingOf(bytes: number): number {
  return (TAR_BLOCK - bytes % TAR_BLOCK) % TAR_BLOCK;
}

/** How many bytes an entry takes in an archive. */
export function tarBytes(entry: TarEntry): number {
  const content = entry.kind === "file" ? entry.bytes + paddingOf(entry.bytes) : 0;
  return tarHeader(entry).length + content;
}

function fits(text: string): boolean {
  // deno-lint-ignore no-control-regex -- what a field of plain ASCII may hold
  return text.length <= NAME_BYTES && /^[\x01-\x7f]*$/.test(text);
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length++;
  return `${length} ${key}=${value}\n`;
}

function block(
  of: { name: string; target: string; mode: number; bytes: number; type: string },
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(TAR_BLOCK);
  const put = (at: number, text: string) => header.set(encoder.encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, of.name);
  put(100, octal(of.mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(of.bytes, 11));
  put(136, octal(0, 11));
  put(156, of.type);
  put(157, of.target);
  put(257, "ustar\x0000");
  put(148, `${octal(sumOf(header), 6)}\0 `);
  return header;
}

/** The sum of a header's bytes, with its own field as blanks. */
function sumOf(header: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!;
  return sum;
}

/** Takes an archive apart as its bytes come. What it is given is not trusted. */
export class TarReader {
  readonly #sink: TarSink;
  readonly #block = new Uint8Array(TAR_BLOCK);
  #filled = 0;
  #bodyLeft = 0;
  #padLeft = 0;
  #zeroBlocks = 0;
  /** The bytes of a header of long names, while they come. */
  #pax: Uint8Array | null = null;
  #long: Map<string, string> = new Map();

  /** @param sink who is told what is in it */
  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /**
   * Takes in the next bytes.
   *
   * @throws {IrisError} `invalid` when this is no archive of ours; whatever the sink throws
   */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const left = bytes.length - at;
      if (this.#bodyLeft > 0) {
        const n = Math.min(left, this.#bodyLeft);
        this.#body(bytes.subarray(at, at + n));
        at += n;
      } else if (this.#padLeft > 0) {
        const n = Math.min(left, this.#padLeft);
        this.#padLeft -= n;
        at += n;
      } else {
        const n = Math.min(left, TAR_BLOCK - this.#filled);
        this.#block.set(bytes.subarray(at, at + n), this.#filled);
        this.#filled += n;
        at += n;
        if (this.#filled === TAR_BLOCK) this.#header();
      }
    }
  }

  /** There is nothing more. @throws {IrisError} `invalid` when that is too early */
  end(): void {
    const whole = this.#zeroBlocks >= 2 && this.#filled === 0;
    if (!whole) throw broken("it ends too early");
  }

  #body(bytes: Uint8Array): void {
    this.#bodyLeft -= bytes.length;
    if (this.#pax === null) this.#sink.data(bytes);
    else this.#pax.set(bytes, this.#pax.length - this.#bodyLeft - bytes.length);
    if (this.#bodyLeft > 0) return;
    if (this.#pax === null) return this.#sink.endFile();
    this.#long = paxOf(this.#pax);
    this.#pax = null;
  }

  #header(): void {
    this.#filled = 0;
    const header = this.#block;
    if (header.every((byte) => byte === 0)) {
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks > 0) throw broken("something follows its end");
    if (octalAt(header, { at: 148, length: 8 }) !== sumOf(header)) {
      throw broken("a header's checksum is wrong");
    }
    const bytes = Number(this.#long.get("size") ?? octalAt(header, { at: 124, length: 12 }));
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw broken("a size makes no sense");
    const type = String.fromCharCode(header[156]!);
    if (type === TYPES.pax) return this.#beginPax(bytes);
    this.#beginEntry(type, bytes);
    this.#long.clear();
  }

  #beginPax(bytes: number): void {
    if (bytes === 0 || bytes > MAX_PAX_BYTES) throw broken("a name is too long");
    this.#pax = new Uint8Array(bytes);
    this.#bodyLeft = bytes;
    this.#padLeft = paddingOf(bytes);
  }

  #beginEntry(type: string, bytes: number): void {
    const header = this.#block;
    const prefix = textAt(header, { at: 345, length: 155 });
    const name = textAt(header, { at: 0, length: NAME_BYTES });
    const path = this.#long.get("path") ?? (prefix === "" ? name : `${prefix}/${name}`);
    if (type === TYPES.folder) {
      if (bytes > 0) throw broken(`the folder ${path} has a content`);
      return this.#sink.entry({ kind: "folder", path: path.replace(/\/$/, "") });
    }
    if (type === TYPES.link) {
      if (bytes > 0) throw broken(`the link ${path} has a content`);
      const target = this.#long.get("linkpath") ??
        textAt(header, { at: 157, length: NAME_BYTES });
      return this.#sink.entry({ kind: "link", path, target });
    }
    if (type !== TYPES.file && type !== "\0") {
      throw broken(`${path} is neither a file nor a folder nor a symbolic link`);
    }
    const executable = (octalAt(header, { at: 100, length: 8 }) & 0o111) !== 0;
    this.#bodyLeft = bytes;
    this.#padLeft = paddingOf(bytes);
    this.#sink.entry({ kind: "file", path, bytes, executable });
    if (bytes === 0) this.#sink.endFile();
  }
}

interface Field {
  readonly at: number;
  readonly length: number;
}

function octalAt(header: Uint8Array, field: Field): number {
  const text = textAt(header, field).trim();
  if (!/^[0-7]{1,12}$/.test(text)) throw broken("a number in a header makes no sense");
  return parseInt(text, 8);
}

function textAt(header: Uint8Array, { at, length }: Field): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return utf8(end < 0 ? field : field.subarray(0, end));
}

function utf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw broken("a name is no UTF-8");
  }
}

/** The records of a header of long names; those we do not know change nothing that we read. */
function paxOf(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(32, at);
    // A record without a blank has no length: taken as 0, it would be read again for ever.
    if (blank < 0) throw broken("a long name makes no sense");
    const length = Number(utf8(bytes.subarray(at, blank)));
    const end = at + length;
    if (!Number.isSafeInteger(length) || end <= blank + 1 || end > bytes.length) {
      throw broken("a long name makes no sense");
    }
    const [, key = "", value = ""] =
      /^([^=]*)=([^]*)\n$/.exec(utf8(bytes.subarray(blank + 1, end))) ??
        [];
    records.set(key, value);
    at = end;
  }
  return records;
}

function broken(why: string): IrisError {
  return new IrisError("invalid", `This is no archive of a folder: ${why}`);
}
