/** From a command's name to the file that is executed, and why there is none. */
import { IrisError } from "../base/errors.ts";

const EXECUTABLE = 0o111;

/**
 * The absolute path of a command, as a shell would find it in `path`.
 *
 * @throws {IrisError} `launch` when there is none, naming what was looked for
 */
export function resolveCommand(name: string, options: { path: string; cwd: string }): string {
  if (name.includes("/")) {
    const file = name.startsWith("/") ? name : `${options.cwd}/${name}`;
    const problem = problemOf(file);
    if (problem === null) return file;
    throw new IrisError("launch", `Cannot start ${name}: ${problem}`);
  }
  let found = "";
  for (const folder of options.path.split(":")) {
    const file = `${folder === "" ? options.cwd : folder}/${name}`;
    const problem = problemOf(file);
    if (problem === null) return file;
    if (problem !== "no such file") found ||= `${file} is ${problem}`;
  }
  throw new IrisError("launch", `Command not found: ${name}${found === "" ? "" : ` (${found})`}`);
}

function problemOf(file: string): string | null {
  try {
    const info = Deno.statSync(file);
    if (info.isDirectory) return "a directory";
    return ((info.mode ?? 0) & EXECUTABLE) === 0 ? "not executable" : null;
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied ? "not accessible" : "no such file";
  }
}
