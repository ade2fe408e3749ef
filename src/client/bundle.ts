/** Files of a program as a bundle: the same archive, and hash, as that of a folder with these files. */
import { pathProblem } from "../archive/safe_path.ts";
import { paddingOf, TAR_END, type TarEntry, tarHeader } from "../archive/tar_format.ts";
import { IrisError } from "../base/errors.ts";
import { joinBytes } from "../base/join_bytes.ts";

/** What is in a bundle: by their paths, texts or bytes. */
export type BundleFiles = Readonly<Record<string, string | Uint8Array>>;

/** An archive, and the SHA-256 of it in hex. */
export interface Bundle {
  readonly hash: string;
  readonly archive: Uint8Array<ArrayBuffer>;
}

/**
 * Packs files.
 *
 * @throws {IrisError} `invalid`, naming the file; `usage` in a page that may not compute hashes
 */
export async function bundleOf(files: BundleFiles): Promise<Bundle> {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  for (const path of inOrder(Object.keys(files))) {
    const file = files[path];
    const content = typeof file === "string" ? encoder.encode(file) : file;
    const entry: TarEntry = content === undefined
      ? { kind: "folder", path }
      : { kind: "file", path, bytes: content.length, executable: false };
    parts.push(tarHeader(entry));
    if (content !== undefined) parts.push(content, new Uint8Array(paddingOf(content.length)));
  }
  const archive = joinBytes([...parts, TAR_END]);
  // Browsers have it in pages that came by TLS, or from this machine.
  if (globalThis.crypto?.subtle === undefined) {
    throw new IrisError("usage", "A bundle needs a page that came by TLS: there is no SHA-256");
  }
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", archive));
  return { archive, hash: [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
}

/** The paths with those of their folders, as a folder is looked through: each before what is in it. */
function inOrder(paths: readonly string[]): string[] {
  const all = new Set<string>();
  for (const path of paths) {
    const problem = pathProblem(path);
    if (problem !== null) {
      throw new IrisError("invalid", `"${path}" ${problem}`, { field: `files.${path}` });
    }
    const names = path.split("/");
    names.forEach((_, i) => all.add(names.slice(0, i + 1).join("/")));
  }
  for (const path of paths) {
    const inside = [...all].find((other) => other.startsWith(`${path}/`));
    if (inside === undefined) continue;
    const message = `"${path}" is a file, and ${inside} would be in it`;
    throw new IrisError("invalid", message, { field: `files.${path}` });
  }
  return [...all].sort((a, b) => compare(a.split("/"), b.split("/")));
}

function compare(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  }
  return a.length - b.length;
}
