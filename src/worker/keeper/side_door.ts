/**
 * The keeper's side door: a second socket for what is asked about single running attempts, apart
 * from the one link over which the worker's lifecycle says what shall run: signals, usage, and
 * commands beside a task. Owns the socket, its connections, and the commands; runs in the keeper.
 */
import { type Clock, sleep } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { randomHex } from "../../base/ids.ts";
import { logger } from "../../base/log.ts";
import { HeldSpawner } from "../../host/held_process.ts";
import { sideSocketFor } from "../../host/socket_path.ts";
import type { Spawner } from "../../host/spawner.ts";
import { signalGroup } from "../../host/process_group.ts";
import { commandAt, placeOf } from "../../host/same_place.ts";
import { resolveCommand } from "../../host/resolve_command.ts";
import { usageOf } from "../../host/usage.ts";
import { execErrorFrame, type WorkerExecRequest } from "../../wire/exec.ts";
import { type Attempt, type AttemptKey, uidOf } from "./attempt.ts";
import type { AttemptUsages } from "./attempt_usage.ts";
import { ExecSession } from "./exec_session.ts";
import type { ExecTable } from "./exec_table.ts";
import { isInside, launchInside, signalEachInside } from "./inside_commands.ts";
import type { Keeper } from "./keeper.ts";
import { SideConnection } from "./side_connection.ts";
import type { SideAnswer, SideAnswers, SideQuestion, SideRequest } from "./side_protocol.ts";

/** Commands beside tasks at the same time, of one worker. */
export const MAX_EXECS = 32;
/** Connections at the same time. */
const MAX_CONNECTIONS = 256;
/** Between SIGHUP and SIGKILL of a command whose client is gone, in ms. */
const HANG_UP_MS = 3_000;
/** At the end: how long the last words to clients may take to leave, in ms. */
const FLUSH_MS = 300;
/** Of what a command inside a container is known by, in bytes. */
const MARK_BYTES = 8;

/** What it needs of the keeper. */
export interface SideDoorOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly execs: ExecTable;
  readonly usages: AttemptUsages;
  /** An attempt that has not been proved gone, or null. */
  readonly attempt: (key: AttemptKey) => Attempt | null;
  /** All of them of a generation. */
  readonly attemptsOf: (generation: number) => readonly Attempt[];
  /** Has the keeper look for ends. */
  readonly look: () => void;
  /** False when ends of commands could not be seen. */
  readonly canExec: boolean;
}

/** Opens the door of a keeper. */
export function openSideDoor(
  keeper: Keeper,
  options: { folder: string; clock: Clock; spawner: Spawner },
): SideDoor {
  const { folder, clock, spawner } = options;
  return new SideDoor({
    path: sideSocketFor(folder),
    clock,
    execs: keeper.execs,
    usages: keeper.usages,
    attempt: (key) => keeper.attempts.get(uidOf(key)) ?? null,
    attemptsOf: (generation) =>
      [...keeper.attempts.values()].filter(({ started }) => started.generation === generation),
    look: () => keeper.look(),
    canExec: spawner.kind === "posix_spawn",
  });
}

/** See the head of this file. */
export class SideDoor {
  readonly #options: SideDoorOptions;
  readonly #listener: Deno.Listener;
  readonly #connections = new Set<SideConnection>();
  readonly #serving = new Set<Promise<void>>();
  #spawner: HeldSpawner | null = null;
  #closed = false;

  /** Listens at once. */
  constructor(options: SideDoorOptions) {
    this.#options = options;
    remove(options.path);
    this.#listener = Deno.listen({ transport: "unix", path: options.path });
    // owner: this door; it ends with the listener.
    this.#track(this.#accept());
  }

  /** Ends every connection and takes no more. Commands that still run are not waited for. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    const enough = new AbortController();
    const flushed = Promise.all([...this.#connections].map((one) => one.flushed()));
    // Who does not listen must not keep this process.
    await Promise.race([flushed, sleep(this.#options.clock, FLUSH_MS, enough.signal)]);
    enough.abort();
    for (const connection of this.#connections) connection.close();
    await Promise.all(this.#serving);
    await this.#spawner?.close();
    remove(this.#options.path);
  }

  async #accept(): Promise<void> {
    try {
      for await (const one of this.#listener) {
        if (this.#closed || this.#connections.size >= MAX_CONNECTIONS) {
          one.close();
          continue;
        }
        const connection = new SideConnection(one);
        this.#connections.add(connection);
        this.#track(this.#serve(connection));
      }
    } catch {
      // Closed.
    }
  }

  #track(work: Promise<void>): void {
    this.#serving.add(work);
    // owner: this door, which waits for it in `close`.
    void work.finally(() => this.#serving.delete(work));
  }

  async #serve(connection: SideConnection): Promise<void> {
    let session: ExecSession | null = null;
    let asked = false;
    let answered = Promise.resolve();
    try {
      await connection.read((frame) => {
        if (asked) return session?.receive(frame);
        asked = true;
        const request = JSON.parse(new TextDecoder().decode(frame)) as SideRequest;
        if (request.op === "exec") session = this.#exec(connection, request.request);
        else answered = this.#answer(request).then((answer) => connection.sendJson(answer));
      });
    } catch (error) {
      logger("keeper").error("dropped a question that made no sense: {why}", {
        why: messageOf(error),
      });
    }
    // Whoever asked is gone, or has been told everything.
    const begun = session as ExecSession | null;
    begun?.hangUp();
    if (!this.#closed) await Promise.all([answered, begun?.over]);
    connection.close();
    this.#connections.delete(connection);
  }

  async #answer(
    question: SideQuestion,
  ): Promise<SideAnswer<SideAnswers[keyof SideAnswers]>> {
    try {
      return {
        ok: question.op === "signal" ? await this.#signal(question) : this.#usage(question),
      };
    } catch (error) {
      const code = error instanceof IrisError ? error.code : "internal";
      return { error: { code, message: messageOf(error) } };
    }
  }

  async #signal(question: SideQuestion & { op: "signal" }): Promise<SideAnswers["signal"]> {
    const { generation, attempt, signal } = question;
    const named = attempt === null
      ? this.#options.attemptsOf(generation)
      : [this.#running({ generation, ...attempt })];
    // A leader that was not reaped keeps its pid and its group's number from being given away.
    const running = named.filter((one) => one.end === null);
    const { canExec, execs, clock } = this.#options;
    // Without the power to start anything a client gets the signal, and passes most of them on.
    const inside = canExec ? running.filter(isInside) : [];
    for (const one of running) if (!inside.includes(one)) signalGroup(one.started.pid, signal);
    if (inside.length === 0) return { signalled: running.length };
    const failures = await signalEachInside(inside, signal, { spawner: this.#held, execs, clock });
    if (attempt !== null && failures[0] !== undefined) throw failures[0];
    return { signalled: running.length - failures.length };
  }

  #usage(question: SideQuestion & { op: "usage" }): SideAnswers["usage"] {
    const { attempt, usages } = this.#options;
    const { cpuMs, memoryBytes } = usageOf([Deno.pid]);
    return {
      keeper: { pid: Deno.pid, cpuMs, memoryBytes },
      attempts: question.attempts.map((key) => {
        const found = attempt(key);
        return found === null ? null : usages.now(found);
      }),
    };
  }

  #exec(connection: SideConnection, request: WorkerExecRequest): ExecSession | null {
    try {
      return this.#begin(connection, request);
    } catch (error) {
      if (!(error instanceof IrisError)) throw error;
      connection.send(execErrorFrame(error.code, error.message));
      // owner: the connection: it ends when this has left.
      void connection.flushed().then(() => connection.close());
      return null;
    }
  }

  #begin(connection: SideConnection, request: WorkerExecRequest): ExecSession {
    const { execs, clock, canExec } = this.#options;
    const attempt = this.#running(request);
    const inside = isInside(attempt) ? randomHex(MARK_BYTES) : null;
    if (inside === null && attempt.spec.options?.container) {
      // Its worker was of an earlier version when it began.
      throw new IrisError("conflict", "A command cannot be run in this task's container");
    }
    if (!canExec) {
      throw new IrisError("conflict", "This worker was started with --spawner plain: no exec");
    }
    if (execs.size >= MAX_EXECS) {
      throw new IrisError("unavailable", `This worker runs ${MAX_EXECS} such commands already`);
    }
    const process = this.#held.start(
      inside === null
        ? { ...launchBeside(attempt, request), terminal: request.terminal }
        : launchInside(attempt, request, inside),
    );
    const session = new ExecSession(process, {
      connection,
      clock,
      onHangUp: () => execs.hangUp(process.pid, clock.now() + HANG_UP_MS),
      onSignal: (signal) => execs.signal(process.pid, signal),
    });
    execs.add({
      pid: process.pid,
      uid: uidOf(attempt.started),
      ...(inside === null ? {} : { inside }),
      onEnd: (end) => {
        if (attempt.end !== null) session.because("the task ended");
        else if (attempt.reason !== null) session.because("the task was stopped");
        session.ended(end);
      },
    });
    // owner: the session: the connection ends when what it had to say has left.
    void session.over.then(() => connection.flushed()).then(() => connection.close());
    // It may have ended before it was known.
    this.#options.look();
    return session;
  }

  get #held(): HeldSpawner {
    return this.#spawner ??= new HeldSpawner();
  }

  /** @throws {IrisError} `conflict` when it does not run */
  #running(key: AttemptKey): Attempt {
    const attempt = this.#options.attempt(key);
    if (attempt === null || attempt.end !== null) {
      throw new IrisError("conflict", "The task is not running any more");
    }
    return attempt;
  }
}

/**
 * The environment and folder that the attempt was started with; the rights and cgroups that it has
 * now: a command must be no way out of what limits its task.
 */
function launchBeside(attempt: Attempt, { argv, term }: WorkerExecRequest) {
  const { launch } = attempt;
  const lines = [...launch.env, ...(launch.extraEnv ?? [])];
  const env = term === null
    ? lines
    : [...lines.filter((line) => !line.startsWith("TERM=")), `TERM=${term}`];
  const path = lines.find((line) => line.startsWith("PATH="))?.slice("PATH=".length) ?? "";
  const command = { path: resolveCommand(argv[0] ?? "", { path, cwd: launch.cwd }), argv };
  const place = placeOf(attempt.started.pid);
  return { ...commandAt(place, command), env, cwd: launch.cwd, owner: place.rights };
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // None was left.
  }
}
