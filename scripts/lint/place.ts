/** Where a file lies in the house: what every rule asks first. */

/** The part of the repository a file belongs to. */
export type Area = "src" | "std" | "tests" | "bench" | "scripts" | "main" | "elsewhere";

/** A file's place. */
export interface Place {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly area: Area;
  /** Of a file in `src/`: its layer, for instance `worker`. Else empty. */
  readonly layer: string;
  /** The last part of the path. */
  readonly name: string;
  /** Whether it holds tests (`*_test.ts`). */
  readonly isTest: boolean;
}

/** The repository's folder, without a slash at the end. */
export const ROOT: string = decodeURIComponent(new URL("../../", import.meta.url).pathname)
  .replace(/\/$/, "");

/** The place of a file, given its absolute path or one relative to the repository. */
export function placeOf(filename: string): Place {
  const path = filename.startsWith(`${ROOT}/`) ? filename.slice(ROOT.length + 1) : filename;
  const parts = path.split("/");
  const name = parts.at(-1) ?? "";
  return {
    path,
    area: areaOf(parts),
    layer: parts[0] === "src" && parts.length > 2 ? parts[1] ?? "" : "",
    name,
    isTest: name.endsWith("_test.ts"),
  };
}

function areaOf(parts: readonly string[]): Area {
  const [top, second] = parts;
  if (top === "src") return second === "std" ? "std" : "src";
  if (top === "tests" || top === "bench" || top === "scripts") return top;
  return parts.length === 1 && top === "main.ts" ? "main" : "elsewhere";
}

/** The path a relative import of `from` points to, relative to the repository. */
export function resolveImport(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
