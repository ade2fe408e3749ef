/** `task exec|signal`, `job signal`. Each answers with its exit code. */
import { IrisError } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { ExecStream } from "../../client/exec_stream.ts";
import { atTerminal, ownSize, readInput, takeRaw } from "../../host/own_terminal.ts";
import type { Signalled } from "../../wire/usage.ts";
import { exitCodeOfError } from "../../wire/error_table.ts";
import { type CliContext, note } from "../context.ts";
import { onInterrupt } from "../interrupt.ts";
import type { TaskName } from "./task_commands.ts";

/** The exit code of a command that could not be started, as a shell has it. */
const NOT_STARTED = 127;
const INTERRUPTED = 130;

/**
 * `task exec`: at a terminal when both ends are one, else with pipes. Ends this process, since a read
 * of stdin that is under way ends no other way.
 */
export async function execTask(
  context: CliContext,
  client: IrisClient,
  options: Parameters<typeof execUntilEnd>[2],
): Promise<never> {
  let code: number;
  try {
    code = await execUntilEnd(context, client, options);
  } catch (error) {
    if (!(error instanceof IrisError)) throw error;
    context.err(`iris: ${error.message}`);
    code = error.code === "launch" ? NOT_STARTED : exitCodeOfError(error.code);
  }
  Deno.exit(code);
}

async function execUntilEnd(
  context: CliContext,
  client: IrisClient,
  options: {
    task: TaskName;
    argv: readonly string[];
    terminal: "auto" | "always" | "never";
    noStdin: boolean;
    json: boolean;
  },
): Promise<number> {
  const { task, argv, json } = options;
  const raw = atTerminal() && options.terminal !== "never";
  const stream = client.exec(task.job, task.index, {
    argv,
    terminal: raw || options.terminal === "always" ? ownSize() : null,
    term: raw ? context.env("TERM") ?? null : null,
    output: (name, bytes) => context.write(name, bytes),
  });
  const giveBack = raw ? atRawTerminal(stream) : forwardInterrupts(stream);
  if (options.noStdin) stream.endInput();
  // owner: this process: a read of stdin ends only with it.
  else void pump(stream);
  try {
    const end = await stream.ended;
    if (json) context.err(JSON.stringify(end));
    else if (end.why !== undefined) context.err(`iris: ${end.why}`);
    return end.code;
  } finally {
    giveBack();
    stream.close();
  }
}

async function pump(stream: ExecStream): Promise<void> {
  try {
    for await (const bytes of readInput()) await stream.write(bytes);
  } catch {
    // As good as its end.
  }
  stream.endInput();
}

/** At a terminal Ctrl-C is a key like any other; a signal is for us, and we leave it as it was. */
function atRawTerminal(stream: ExecStream): () => void {
  const giveBack = takeRaw((size) => stream.resize(size));
  const ignore = onInterrupt(() => {
    giveBack();
    Deno.exit(INTERRUPTED);
  });
  return () => {
    ignore();
    giveBack();
  };
}

/** Without one it is a signal: the command gets the first, with the second we hang up. */
function forwardInterrupts(stream: ExecStream): () => void {
  let times = 0;
  return onInterrupt((signal) => {
    if (times++ === 0) stream.signal(signal);
    else Deno.exit(INTERRUPTED);
  });
}

/** `task signal`, `job signal`. */
export async function sendSignal(
  context: CliContext,
  client: IrisClient,
  options: { job: string; index: number | null; signal: string; json: boolean },
): Promise<number> {
  const { job, index, signal, json } = options;
  const answer: Signalled = index === null
    ? await client.signalJob(job, signal)
    : await client.signalTask(job, index, signal);
  if (json) context.out(JSON.stringify(answer));
  else note(context, `${answer.signalled} ${answer.signalled === 1 ? "task" : "tasks"} signalled`);
  return 0;
}
