/** Why a process cannot be started: looked up only when a start was refused, or has no other way. */
import type { SpawnRequest } from "./spawner.ts";

const EXECUTABLE = 0o111;

/** What is wrong with a file as a command, or null: it can be executed. */
export function fileProblem(file: string): string | null {
  try {
    const info = Deno.statSync(file);
    if (info.isDirectory) return "a directory";
    return ((info.mode ?? 0) & EXECUTABLE) === 0 ? "not executable" : null;
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied ? "not accessible" : "no such file";
  }
}

/** What is wrong with a request, or null when nothing of it can be seen on the disk. */
export function launchProblem(request: SpawnRequest): string | null {
  const { cwd, path, stdoutPath, stderrPath } = request;
  const place = folderState(cwd);
  if (place !== null) {
    return place === "missing" ? `no working directory ${cwd}` : `${cwd} is not a directory`;
  }
  const problem = fileProblem(path);
  if (problem !== null) return problem;
  for (const file of [stdoutPath, stderrPath]) {
    const folder = file.slice(0, file.lastIndexOf("/")) || "/";
    if (folderState(folder) !== null) return `no folder ${folder} for its output`;
  }
  return null;
}

function folderState(path: string): "missing" | "no folder" | null {
  try {
    return Deno.statSync(path).isDirectory ? null : "no folder";
  } catch {
    return "missing";
  }
}
