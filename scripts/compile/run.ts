/** Programs that a build starts, each within a time. */
import { descendants } from "../../src/host/proc.ts";

/** How one ended. */
export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Where and how long it runs. */
export interface RunOptions {
  readonly cwd: string;
  /** After this it is killed, with what it started. */
  readonly limitMs: number;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program to its end, or to its limit: then `code` is 137 and `err` says so.
 *
 * @throws {Deno.errors.NotFound} when there is no such program
 */
export async function runProgram(argv: readonly string[], options: RunOptions): Promise<Result> {
  const [command = "", ...args] = argv;
  const child = new Deno.Command(command, {
    args,
    cwd: options.cwd,
    env: { NO_COLOR: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    // What it started may hold the other end of its pipes, which are read to their end.
    // Itself first: a shell goes on when what it waits for is killed.
    for (const pid of [child.pid, ...descendants(child.pid)]) kill(pid);
  }, options.limitMs);
  try {
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    const said = decoder.decode(stderr);
    const err = late ? `${said}\nerror: no end within ${options.limitMs / 1000} s` : said;
    return { code, out: decoder.decode(stdout), err };
  } finally {
    clearTimeout(timer);
  }
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // Gone in the meantime.
  }
}

/** Why a program failed, in one line: the last of its causes. */
export function reasonOf(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const cause = lines.findLast((line) => /^\d+: (?!<)/.test(line)) ??
    lines.findLast((line) => line.startsWith("error:")) ?? lines.at(-1);
  return cause?.replace(/^(\d+|error): /, "") ?? "no reason given";
}
