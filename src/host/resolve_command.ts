/** From a command's name to the file that is executed, and why there is none. */
import { IrisError } from "../base/errors.ts";
import { fileProblem } from "./launch_problem.ts";

/**
 * The absolute path of a command, as a shell would find it in `path`.
 *
 * @throws {IrisError} `launch` when there is none, naming what was looked for
 */
export function resolveCommand(name: string, options: { path: string; cwd: string }): string {
  if (name.includes("/")) {
    const file = name.startsWith("/") ? name : `${options.cwd}/${name}`;
    const problem = fileProblem(file);
    if (problem === null) return file;
    throw new IrisError("launch", `Cannot start ${name}: ${problem}`);
  }
  let found = "";
  for (const folder of options.path.split(":")) {
    const file = `${folder === "" ? options.cwd : folder}/${name}`;
    const problem = fileProblem(file);
    if (problem === null) return file;
    if (problem !== "no such file") found ||= `${file} is ${problem}`;
  }
  throw new IrisError("launch", `Command not found: ${name}${found === "" ? "" : ` (${found})`}`);
}
