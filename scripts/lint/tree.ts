/** The source tree as text, for checks that look at more than one file or at more than code. */
import { ROOT } from "./place.ts";

/** Paths relative to the repository, each with its text. */
export type Tree = ReadonlyMap<string, string>;

const SKIPPED = new Set([".git", "node_modules", "dist", ".coverage"]);
const TEXT = /(\.(ts|tsx|js|mjs|json|jsonc|md|txt|c|h|sh|yaml|yml|css|html|sql)|\.ci\/\w+|ignore)$/;

/** There, since documents show them, and empty. */
const PICTURE = /\.png$/;

/** Reads every text file of the repository. */
export async function readTree(root: string = ROOT): Promise<Tree> {
  const tree = new Map<string, string>();
  const walk = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(`${root}/${folder}`)) {
      if (SKIPPED.has(entry.name)) continue;
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory) await walk(path);
      else if (entry.isFile && TEXT.test(path)) {
        tree.set(path, await Deno.readTextFile(`${root}/${path}`));
      } else if (entry.isFile && PICTURE.test(path)) tree.set(path, "");
    }
  };
  await walk("");
  return new Map([...tree].sort(([a], [b]) => a < b ? -1 : 1));
}
