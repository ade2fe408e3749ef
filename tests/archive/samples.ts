/** Folders and archives for tests. */
import { hashOf, packFolder } from "../../src/archive/pack.ts";
import { scanFolder } from "../../src/archive/scan_folder.ts";
import { joinBytes } from "../../src/base/join_bytes.ts";
import { TAR_END, type TarEntry, tarHeader } from "../../src/archive/tar_format.ts";

/** A temporary folder that goes with its scope. */
export function tempFolder(): { path: string; [Symbol.dispose](): void } {
  const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "iris-archive-" }));
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Writes files; a name that ends in `/` is a folder, a text that begins with `->` a link. */
export function fill(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    const above = path.slice(0, path.lastIndexOf("/"));
    Deno.mkdirSync(above, { recursive: true });
    if (name.endsWith("/")) continue;
    if (text.startsWith("->")) Deno.symlinkSync(text.slice(2), path);
    else Deno.writeTextFileSync(path, text);
  }
}

/** What a folder holds: texts by path, `/` for folders, `->` for links, `*` before what can run. */
export function contentOf(folder: string, below = ""): Record<string, string> {
  const found: Record<string, string> = {};
  const names = [...Deno.readDirSync(`${folder}/${below}`)].map(({ name }) => name).sort();
  for (const name of names) {
    const path = `${below}${name}`;
    const at = `${folder}/${path}`;
    const info = Deno.lstatSync(at);
    if (info.isDirectory) Object.assign(found, { [`${path}/`]: "" }, contentOf(folder, `${path}/`));
    else if (info.isSymlink) found[path] = `->${Deno.readLinkSync(at)}`;
    else found[path] = ((info.mode ?? 0) & 0o100 ? "*" : "") + Deno.readTextFileSync(at);
  }
  return found;
}

/** A folder's content, packed. */
export async function packed(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const entries = scanFolder(folder, {
    rules: null,
    onProblem: (path, why) => {
      throw new Error(`${path} ${why}`);
    },
  });
  return joinBytes(await Array.fromAsync(packFolder(folder, entries)));
}

/** The SHA-256 of bytes, in hex. */
export function hashOfBytes(bytes: Uint8Array): Promise<string> {
  return hashOf(ReadableStream.from([bytes]));
}

/** An archive of whatever a test wants in it, sound or not. */
export function archiveOf(
  entries: readonly (TarEntry & { readonly text?: string })[],
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    parts.push(tarHeader(entry));
    if (entry.kind !== "file") continue;
    const content = new Uint8Array(Math.ceil(entry.bytes / 512) * 512);
    content.set(new TextEncoder().encode(entry.text ?? "x".repeat(entry.bytes)));
    parts.push(content);
  }
  return joinBytes([...parts, TAR_END]);
}

/** A file for {@linkcode archiveOf}. */
export function file(path: string, text = "x"): TarEntry & { text: string } {
  const bytes = new TextEncoder().encode(text).length;
  return { kind: "file", path, bytes, executable: false, text };
}
