/** Which paths and targets of links stay inside of the folder they are in. Pure. */
import { MAX_TAR_PATH_BYTES } from "./tar_format.ts";

/** The longest single name, in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;
const encoder = new TextEncoder();

/** What is wrong with a path relative to a folder, or null. */
export function pathProblem(path: string): string | null {
  if (path === "") return "has no name";
  if (path.startsWith("/")) return "is an absolute path";
  if (path.includes("\0")) return "has a NUL in its name";
  if (encoder.encode(path).length > MAX_TAR_PATH_BYTES) return "has a path that is too long";
  for (const name of path.split("/")) {
    if (name === "..") return "leads out of the folder";
    if (name === "" || name === ".") return "has a strange path";
    if (encoder.encode(name).length > MAX_NAME_BYTES) return "has a name that is too long";
  }
  return null;
}

/**
 * What is wrong with a symbolic link, or null.
 *
 * A target may climb at its beginning, as far as the folder itself, and then only descend: the
 * folders above a link are real ones, so climbing from there is sure, while `..` after a name could
 * follow another link to anywhere.
 *
 * @param path of the link itself
 */
export function linkProblem(path: string, target: string): string | null {
  if (target === "") return "is a link to nothing";
  if (target.startsWith("/")) return `is a link to an absolute path (${target})`;
  if (target.includes("\0")) return "is a link with a NUL in its target";
  if (encoder.encode(target).length > MAX_TAR_PATH_BYTES) return "is a link that is too long";
  const depth = path.split("/").length - 1;
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  const descends = names.findIndex((name) => name !== "..");
  const climbs = descends < 0 ? names.length : descends;
  if (climbs > depth) return `is a link out of the folder (${target})`;
  if (names.slice(climbs).includes("..")) return `is a link that winds (${target})`;
  return null;
}
