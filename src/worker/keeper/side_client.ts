/** The worker's end of its keeper's side door. Runs in the worker's server isolate. */
import type { Clock } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { WorkerExecRequest } from "../../wire/exec.ts";
import { SideConnection } from "./side_connection.ts";
import type { SideAnswer, SideAnswers, SideQuestion, SideRequest } from "./side_protocol.ts";

/** How long an answer may take, in ms. */
const ANSWER_MS = 5_000;

/**
 * Asks a question and waits for its answer.
 *
 * @throws {IrisError} what the keeper says, `unavailable` when it does not
 */
export async function askKeeper<K extends keyof SideAnswers>(
  path: string,
  question: Extract<SideQuestion, { readonly op: K }>,
  options: { clock: Clock },
): Promise<SideAnswers[K]> {
  const connection = await open(path, question);
  const timer = options.clock.setTimer(ANSWER_MS, () => connection.close());
  let answer: SideAnswer<SideAnswers[K]> | null = null;
  try {
    await connection.read((frame) => {
      answer = JSON.parse(new TextDecoder().decode(frame)) as SideAnswer<SideAnswers[K]>;
      connection.close();
    });
  } finally {
    timer.cancel();
    connection.close();
  }
  const said = answer as SideAnswer<SideAnswers[K]> | null;
  if (said === null) throw new IrisError("unavailable", "The keeper did not answer");
  if ("ok" in said) return said.ok;
  throw new IrisError(said.error.code, said.error.message);
}

/** Begins a command beside a task; its frames follow. @throws {IrisError} `unavailable` */
export function openExec(path: string, request: WorkerExecRequest): Promise<SideConnection> {
  return open(path, { op: "exec", request });
}

async function open(path: string, request: SideRequest): Promise<SideConnection> {
  let socket: Deno.Conn;
  try {
    socket = await Deno.connect({ transport: "unix", path });
  } catch (error) {
    throw new IrisError("unavailable", `The worker's keeper does not answer: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const connection = new SideConnection(socket);
  connection.sendJson(request);
  return connection;
}
