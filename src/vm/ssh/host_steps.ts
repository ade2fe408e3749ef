/** The steps on the way of a VM on its host, each over a session. They own nothing. */
import { messageOf } from "../../base/errors.ts";
import { HostProblem } from "./ssh_problem.ts";
import type { Answer, SshSession } from "./ssh_session.ts";
import { chunksOf, type HostProgram, type ProgramBook, type ProgramFor } from "./program.ts";
import {
  CLEAN,
  cutLogScript,
  haveProgramScript,
  lookScript,
  portsScript,
  PROBE,
  programPath,
  signalScript,
  startScript,
  type StartWords,
  TAKE_OVER,
  takeProgramScript,
} from "./remote_scripts.ts";
import { randomHex } from "../../base/ids.ts";

/** Besides the program a host needs some room for what a worker keeps, in bytes. */
const SPARE_BYTES = 16 * 1024 * 1024;

/** What a host is, as it says itself. */
export interface HostFacts {
  readonly arch: string;
  readonly kernel: string;
  /** Its wall time, in s since the Unix epoch. */
  readonly clockSeconds: number;
  /** Of the file system of its folder; null when it does not say. */
  readonly freeBytes: number | null;
  readonly tools: ReadonlySet<string>;
  /** True when the VM's worker lives. */
  readonly running: boolean;
}

/** What one look at a worker tells. */
export interface Look {
  readonly state: "alive" | "ended" | "rebooted";
  /** How long its log is, in bytes. */
  readonly logBytes: number;
  /** What came of it since, as text. */
  readonly text: string;
}

/** The facts that an answer has under a name, and whether there is one. */
function factsOf(answer: Answer, name: string): string[] {
  const prefix = `@${name}`;
  return answer.lines.filter((line) => line === prefix || line.startsWith(`${prefix} `))
    .map((line) => line.slice(prefix.length).trim());
}

function wordsOf(answer: Answer): string {
  const lines = answer.lines.filter((line) => line.trim() !== "" && !line.startsWith("@"));
  return lines.slice(-3).join(": ") || `exit code ${answer.code}`;
}

function check(answer: Answer): Answer {
  if (answer.code === 0) return answer;
  const words = wordsOf(answer);
  throw new HostProblem(words, { lasting: isLasting(words) });
}

/** What does not heal in seconds. */
function isLasting(words: string): boolean {
  return /No space left|Read-only file system|Permission denied|Disk quota exceeded/i.test(words);
}

/** Makes a session the one that speaks for its VM. */
export async function takeOver(session: SshSession, timeoutMs: number): Promise<void> {
  check(await session.say(TAKE_OVER, { timeoutMs }));
}

/** Asks a host what it is. */
export async function probe(session: SshSession, timeoutMs: number): Promise<HostFacts> {
  const answer = check(await session.say(PROBE, { timeoutMs }));
  const one = (name: string) => factsOf(answer, name)[0] ?? "";
  const free = Number.parseInt(one("free"));
  return {
    arch: one("arch"),
    kernel: one("kernel"),
    clockSeconds: Number(one("clock")),
    freeBytes: Number.isNaN(free) ? null : free * 1024,
    tools: new Set(factsOf(answer, "tool")),
    running: factsOf(answer, "running").length > 0,
  };
}

/** How many of some ports of the host are taken. */
export async function takenPorts(
  session: SshSession,
  of: { ports: readonly number[]; timeoutMs: number },
): Promise<number> {
  const answer = await session.say(portsScript(of.ports), { timeoutMs: of.timeoutMs });
  return factsOf(answer, "taken").length;
}

/** The program for a host. @throws {HostProblem} when it cannot run there */
export async function programOf(facts: HostFacts, programFor: ProgramFor): Promise<HostProgram> {
  const lasting = { lasting: true };
  if (facts.kernel !== "Linux") {
    throw new HostProblem(`it runs ${facts.kernel}, workers need Linux`, lasting);
  }
  const program = await programFor(facts.arch).catch((error) => {
    throw new HostProblem(messageOf(error), lasting);
  });
  if (program === null) {
    throw new HostProblem(`there is no program for its architecture, ${facts.arch}`, lasting);
  }
  const missing = program.needs.filter((tool) => !facts.tools.has(tool));
  if (missing.length > 0) {
    const what = missing.join(" and ");
    throw new HostProblem(`it has no ${what}, which the program needs to unpack itself`, lasting);
  }
  return program;
}

/** What copying needs. */
export interface CopyOptions {
  readonly program: HostProgram;
  readonly version: string;
  readonly book: ProgramBook;
  readonly facts: HostFacts;
  /** Without any progress for so long it is given up, in ms. */
  readonly timeoutMs: number;
  readonly onCopy: (bytes: number) => void;
}

/** Brings the program to the host, unless it is there. @returns its path below the host's folder */
export async function copyProgram(session: SshSession, options: CopyOptions): Promise<string> {
  const { program, version, book, facts, timeoutMs } = options;
  const sums = await book.sums(program.path);
  const path = programPath({ version, sha256: sums.sha256 });
  const there = await session.say(haveProgramScript(path, sums.size), { timeoutMs });
  if (factsOf(there, "there").length > 0) return path;
  if (facts.freeBytes !== null && facts.freeBytes < sums.size + SPARE_BYTES) {
    const [need, have] = [sums.size + SPARE_BYTES, facts.freeBytes].map(inMegabytes);
    throw new HostProblem(`its disk is full: ${need} MB are needed, ${have} MB are free`, {
      lasting: true,
    });
  }
  options.onCopy(sums.size);
  const go = `go-${randomHex(8)}`;
  const script = takeProgramScript(path, { ...sums, go });
  check(
    await session.say(script, { timeoutMs, data: { go, chunks: chunksOf(program.path) } }),
  );
  return path;
}

function inMegabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(bytes < 10 * 1024 * 1024 ? 1 : 0);
}

/** Starts the worker, unless it runs already. */
export async function startWorker(
  session: SshSession,
  { words, timeoutMs }: { words: StartWords; timeoutMs: number },
): Promise<void> {
  check(await session.say(startScript(words), { timeoutMs }));
}

/** Looks at the worker. @param offset how much of its log is known, in bytes */
export async function lookAt(
  session: SshSession,
  { offset, timeoutMs }: { offset: number; timeoutMs: number },
): Promise<Look> {
  const answer = check(await session.say(lookScript(offset), { timeoutMs }));
  const begin = answer.lines.indexOf("@log");
  const head: Answer = {
    ...answer,
    lines: begin < 0 ? answer.lines : answer.lines.slice(0, begin),
  };
  const is = (name: string) => factsOf(head, name).length > 0;
  return {
    state: is("alive") ? "alive" : is("rebooted") ? "rebooted" : "ended",
    logBytes: Number(factsOf(head, "size")[0] ?? 0),
    text: begin < 0 ? "" : answer.lines.slice(begin + 1).join("\n"),
  };
}

/** Begins the worker's log anew. @returns false when more of it came meanwhile: then it stays */
export async function cutLog(
  session: SshSession,
  { offset, timeoutMs }: { offset: number; timeoutMs: number },
): Promise<boolean> {
  const answer = check(await session.say(cutLogScript(offset), { timeoutMs }));
  return factsOf(answer, "cut").length > 0;
}

/** Signals the worker. @returns false when it has ended */
export async function signalWorker(
  session: SshSession,
  { signal, timeoutMs }: { signal: "TERM" | "KILL"; timeoutMs: number },
): Promise<boolean> {
  const answer = check(await session.say(signalScript(signal), { timeoutMs }));
  return factsOf(answer, "alive").length > 0;
}

/**
 * Ends and removes what is left of a VM whose worker has ended.
 *
 * @returns what was done, one line each
 * @throws {HostProblem} naming what is still there
 */
export async function cleanHost(session: SshSession, timeoutMs: number): Promise<string[]> {
  const answer = await session.say(CLEAN, { timeoutMs });
  if (factsOf(answer, "clean").length > 0) {
    return answer.lines.filter((line) => line.trim() !== "" && !line.startsWith("@"));
  }
  const left = factsOf(answer, "left");
  throw new HostProblem(
    left.length > 0 ? `still there: ${left.join(", ")}` : `cannot clean up: ${wordsOf(answer)}`,
  );
}
