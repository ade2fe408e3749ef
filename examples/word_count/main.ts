/** Counts words of files in two rounds of tasks. See README.md beside this. */
import { Iris } from "iris/client";
import { parseArgs } from "node:util";
import type { Counted, Part, Split } from "./task.ts";

const PARTS = 4;
const TOP = 5;

/** The text files among what was named, and in the folders among it. */
async function* filesOf(paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths) {
    const real = await Deno.realPath(path);
    if ((await Deno.stat(real)).isFile) {
      yield real;
      continue;
    }
    for await (const { name, isFile } of Deno.readDir(real)) {
      if (isFile && /\.(md|txt)$/.test(name)) yield `${real}/${name}`;
    }
  }
}

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { folder: { type: "string" } },
  allowPositionals: true,
});
const file = new URL("./task.ts", import.meta.url);
using iris = await Iris.connect();
const folder = await Deno.makeTempDir({
  prefix: "word-count-",
  ...(values.folder === undefined ? {} : { dir: values.folder }),
});
try {
  const splits: Split[] = [];
  for await (const path of filesOf(positionals)) {
    splits.push({ file: path, folder, index: splits.length, parts: PARTS });
  }
  const counting = iris.map<number>(splits, {
    ...{ module: { file, export: "count" }, name: "word-count", ifExists: "replace" },
    ...{ cpuMilli: 50, retries: 1 },
  });
  const files = (await counting.toArray()).length;
  const parts = Array.from({ length: PARTS }, (_, part): Part => ({ folder, part, files }));
  const merging = iris.map<Counted>(parts, {
    ...{ module: { file, export: "merge" }, name: "word-count-merge", ifExists: "replace" },
    ...{ cpuMilli: 50, retries: 1 },
  });
  const counted = await merging.toArray();
  const words = counted.reduce((sum, part) => sum + part.words, 0);
  console.log(`${words} words in ${files} files`);
  const top = counted.flatMap((part) => part.top).sort(([, a], [, b]) => b - a).slice(0, TOP);
  for (const [word, count] of top) console.log(`${word} ${count}`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
