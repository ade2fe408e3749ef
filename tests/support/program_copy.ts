/** A copy of the program with something changed, to play one of another version. */
import { fromFileUrl } from "../../src/base/file_url.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url)).replace(/\/$/, "");
/** What the program is made of. */
const PARTS = ["main.ts", "src", "deno.json", "deno.lock"];

/** A text of a file, which stands there once, and what it becomes. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Copies the program into a folder below `dir` and changes it. @returns its main module */
export function copyProgram(dir: string, changes: readonly Change[]): string {
  const folder = `${dir}/program`;
  Deno.mkdirSync(folder);
  for (const part of PARTS) copy(`${ROOT}/${part}`, `${folder}/${part}`);
  for (const { file, from, to } of changes) {
    const parts = Deno.readTextFileSync(`${folder}/${file}`).split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${from} ${parts.length - 1} times`);
    Deno.writeTextFileSync(`${folder}/${file}`, parts.join(to));
  }
  return `${folder}/main.ts`;
}

function copy(from: string, to: string): void {
  if (!Deno.statSync(from).isDirectory) return Deno.copyFileSync(from, to);
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) copy(`${from}/${name}`, `${to}/${name}`);
}
