/** Unix socket paths are short (108 bytes with the NUL, unix(7)); folders may be deep. */

const MAX_PATH_BYTES = 107;

/**
 * Where the keeper of a folder listens: in the folder when the path is short enough, else under a
 * name made of the folder's in the temp folder. Whoever listens removes it.
 */
export function socketPathFor(folder: string): string {
  return pathFor(folder, "keeper.sock");
}

/** Where the keeper of a folder listens for what is asked about single attempts, likewise. */
export function sideSocketFor(folder: string): string {
  return pathFor(folder, "side.sock");
}

function pathFor(folder: string, name: "keeper.sock" | "side.sock"): string {
  const path = `${folder}/${name}`;
  if (new TextEncoder().encode(path).length <= MAX_PATH_BYTES) return path;
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(folder)) {
    // FNV-1a, 64 bits (Fowler, Noll, Vo): short, and the same at both ends.
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  const suffix = name === "keeper.sock" ? ".sock" : ".side";
  return `/tmp/iris-${hash.toString(16).padStart(16, "0")}${suffix}`;
}
