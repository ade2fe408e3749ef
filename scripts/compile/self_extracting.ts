/**
 * The single file that unpacks itself: `header.sh`, which any POSIX shell runs, and a compressed
 * archive of Deno and the bundled program behind it.
 */
import { paddingOf, TAR_END, tarHeader } from "../../src/archive/tar_format.ts";
import { RUN_BUNDLE } from "../../src/host/self_command.ts";
import { filesBelow } from "./bundle_program.ts";

/** Where the archive begins, in bytes: behind the script, which is filled up to here. */
const ARCHIVE_AT = 12_288;
/** How much of the archive's hash names the folder that it is unpacked to, in hex digits. */
const KEY_DIGITS = 16;
/** What is unpacked takes so much more room than its bytes say, at most. */
const ROOM_SHARE = 1.1;

/** What a single file is made of. */
export interface SelfExtracting {
  readonly version: string;
  readonly commit: string | null;
  readonly target: string;
  /** Deno's own program, as `denoPart` packed it. */
  readonly deno: DenoPart;
  /** The folder with the bundled program. */
  readonly program: string;
}

/** The first part of an archive: the file `deno`, compressed. It is the same for every program. */
export interface DenoPart {
  readonly packed: Uint8Array<ArrayBuffer>;
  /** Its size when it is unpacked, in bytes. */
  readonly bytes: number;
}

/** Packs Deno's own program. Takes some four seconds. */
export async function denoPart(deno: Uint8Array<ArrayBuffer>): Promise<DenoPart> {
  const entry = { kind: "file", path: "deno", bytes: deno.length, executable: true } as const;
  const parts = [tarHeader(entry), deno, new Uint8Array(paddingOf(deno.length))];
  return { packed: await gzip(new Blob(parts)), bytes: deno.length };
}

/** Writes the single file. @throws {Error} when the script grew beyond its room */
export async function writeSelfExtracting(path: string, of: SelfExtracting): Promise<void> {
  const program = await programPart(of.program);
  // Compressed parts one behind the other are one compressed whole.
  const archive = new Uint8Array(of.deno.packed.length + program.packed.length);
  archive.set(of.deno.packed);
  archive.set(program.packed, of.deno.packed.length);
  const sha256 = await hexHash(archive);
  const room = Math.ceil((of.deno.bytes + program.bytes) * ROOM_SHARE / 1e6);
  const script = filled({
    VERSION: of.version,
    COMMIT: of.commit ?? "unknown commit",
    TARGET: of.target,
    OFFSET: String(ARCHIVE_AT),
    FROM: String(ARCHIVE_AT + 1),
    KEY: `${of.version}-${sha256.slice(0, KEY_DIGITS)}`,
    SHA256: sha256,
    FLAGS: RUN_BUNDLE.join(" "),
    ROOM: String(room),
  });
  using file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o755 });
  for (const bytes of [script, archive]) {
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  }
  Deno.chmodSync(path, 0o755);
}

/** A SHA-256 in hex digits. */
export async function hexHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** The script, filled up to where the archive begins. It ends before that. */
function filled(values: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const template = Deno.readTextFileSync(new URL("./header.sh", import.meta.url));
  const text = template.replaceAll(/@([A-Z0-9]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`header.sh asks for ${name}`);
    return value;
  });
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > ARCHIVE_AT) throw new Error(`header.sh has ${bytes.length} bytes: too many`);
  const all = new Uint8Array(ARCHIVE_AT).fill("\n".charCodeAt(0));
  all.set(bytes);
  return all;
}

/** The rest of an archive: the program's files, which never differ in more than their content. */
async function programPart(folder: string): Promise<DenoPart> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  const folders = new Set<string>();
  for (const path of filesBelow(folder)) {
    for (const { index } of path.matchAll(/\//g)) {
      const above = path.slice(0, index);
      if (!folders.has(above)) parts.push(tarHeader({ kind: "folder", path: above }));
      folders.add(above);
    }
    const content = Deno.readFileSync(`${folder}/${path}`);
    const entry = { kind: "file", path, bytes: content.length, executable: false } as const;
    parts.push(tarHeader(entry), content, new Uint8Array(paddingOf(content.length)));
    total += content.length;
  }
  return { packed: await gzip(new Blob([...parts, TAR_END])), bytes: total };
}

async function gzip(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const stream = blob.stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
