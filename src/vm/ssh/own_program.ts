/** The program that hosts get is this one: the single file that it was started from, or its sibling. */
import { IrisError } from "../../base/errors.ts";
import { BUILD_KIND, singleFile } from "../../host/self_command.ts";
import type { HostProgram, ProgramFor } from "./program.ts";

/**
 * Where files for other architectures lie, as `deno task compile --target` names them: beside this one, or
 * beside what it is a link to.
 */
export function siblingFor(file: string, arch: string): string {
  const besides = [file, realPath(file)].map((path) =>
    `${path.slice(0, path.lastIndexOf("/"))}/iris-${arch}-unknown-linux-gnu`
  );
  return besides.find(isFile) ?? besides[0]!;
}

/**
 * The program for an architecture.
 *
 * @throws {IrisError} `launch` where this program runs from its sources, which no host can be given
 */
export const ownProgram: ProgramFor = (arch) => {
  try {
    return Promise.resolve(programFor(arch));
  } catch (error) {
    return Promise.reject(error);
  }
};

function programFor(arch: string): HostProgram | null {
  const file = singleFile();
  if (file === null) {
    throw new IrisError(
      "launch",
      "hosts get Iris as one file, and this one runs from its sources: " +
        "make the file (deno task compile) and start that",
    );
  }
  const path = arch === Deno.build.arch && isFile(file) ? file : siblingFor(file, arch);
  if (!isFile(path)) {
    if (arch !== Deno.build.arch) return null;
    throw new IrisError("launch", `${file}, from which this was started, is gone: put it back`);
  }
  return { path, needs: BUILD_KIND === "compiled" ? [] : ["tar", "gzip"] };
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
