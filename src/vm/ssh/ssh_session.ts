/**
 * A shell on a host, over one ssh connection: scripts are said to it one after another, and each has
 * its answer and its deadline. Owns the ssh client's process, and is itself owned by whoever opened it;
 * the provider's part counts the clients. When one ends, however it ends, the shell reads the end of
 * its input and ends too. Runs in the VM manager's isolate.
 */
import type { Clock } from "../../base/clock.ts";
import { messageOf, plainLine } from "../../base/errors.ts";
import { randomHex } from "../../base/ids.ts";
import { startTalking, type TalkingProcess } from "../../host/talking_process.ts";
import { HostProblem, problemOf } from "./ssh_problem.ts";
import { TextLines } from "./text_lines.ts";

/** Of what the client says so many lines are kept. */
const KEPT_LINES = 50;
/** An answer that is longer is cut, in characters: no script of ours has one. */
const MAX_ANSWER_CHARS = 4_000_000;
const GIVEN_UP = "it was given up";

/** What a shell said to a script. */
export interface Answer {
  readonly code: number;
  readonly lines: readonly string[];
}

/** How a script is said. */
export interface SayOptions {
  /** The shell has so long to answer, in ms. */
  readonly timeoutMs: number;
  /** Said to the shell itself: what it defines stays. Otherwise to one below it. */
  readonly stays?: boolean;
  /** What the script reads from its stdin, once it has said the go-ahead. */
  readonly data?: { readonly go: string; readonly chunks: AsyncIterable<Uint8Array<ArrayBuffer>> };
}

/** How a session is made. */
export interface SessionOptions {
  /** It is in there while its client lives. */
  readonly clients: Set<SshSession>;
  readonly command: readonly string[];
  /** The client's own limit for the connection, and what the shell gets to answer then, in ms. */
  readonly connectTimeoutMs: number;
  readonly shellMs: number;
  readonly clock: Clock;
  /** Gives it up, at once. */
  readonly signal: AbortSignal;
  /** Told each line that the client itself says. */
  readonly onSaid?: (line: string) => void;
}

interface Waiting {
  readonly lines: string[];
  chars: number;
  answer: Answer | null;
  readonly answered: PromiseWithResolvers<Answer>;
  readonly end: string;
  readonly go: { readonly word: string; readonly seen: PromiseWithResolvers<void> } | null;
}

/** See the head of this file. */
export class SshSession {
  readonly #options: SessionOptions;
  readonly #nonce = `iris-${randomHex(8)}`;
  readonly #said: string[] = [];
  readonly #encoder = new TextEncoder();
  readonly #process: TalkingProcess;
  readonly #ended: Promise<void>;
  #gone = false;
  #waiting: Waiting | null = null;
  /** Why it ends, when that is our own doing. */
  #why: HostProblem | null = null;

  private constructor(options: SessionOptions) {
    this.#options = options;
    const out = new TextLines((line) => this.#onLine(line));
    const err = new TextLines((line) => this.#onSaid(line));
    try {
      this.#process = startTalking(options.command, {
        // What the client says is read here: in one language.
        env: { LC_ALL: "C" },
        onOut: (bytes) => out.push(bytes),
        onErr: (bytes) => err.push(bytes),
      });
    } catch (error) {
      throw new HostProblem(`the ssh client cannot be started: ${messageOf(error)}`, {
        lasting: true,
      });
    }
    options.clients.add(this);
    const giveUp = () => this.kill();
    options.signal.addEventListener("abort", giveUp, { once: true });
    this.#ended = this.#process.ended.then(({ code, signal: by }) => {
      options.signal.removeEventListener("abort", giveUp);
      options.clients.delete(this);
      out.end();
      err.end();
      this.#gone = true;
      this.#fail(this.#why ?? problemOf(this.#said, by === null ? code : null));
    });
  }

  /**
   * Connects. Whatever comes before the shell answers (greetings of the host) is passed over.
   *
   * @throws {HostProblem} why it cannot be had
   */
  static async open(options: SessionOptions): Promise<SshSession> {
    if (options.signal.aborted) throw new HostProblem(GIVEN_UP);
    const session = new SshSession(options);
    try {
      await session.say(":", { timeoutMs: options.connectTimeoutMs + options.shellMs });
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** The client's process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** True once the connection is lost. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Ends the connection, and resolves when the client is gone. */
  async close(): Promise<void> {
    this.kill();
    await this.#ended;
  }

  /** Ends the connection at once. */
  kill(): void {
    this.#giveUp(GIVEN_UP);
  }

  /**
   * Says a script, and waits for its answer.
   *
   * @throws {HostProblem} when the connection is lost, or the time is over: then it is given up
   */
  async say(script: string, options: SayOptions): Promise<Answer> {
    if (this.#gone) throw this.#why ?? problemOf(this.#said, null);
    const { data, stays = false } = options;
    const answered = Promise.withResolvers<Answer>();
    const go = data === undefined ? null : { word: data.go, seen: Promise.withResolvers<void>() };
    const end = `${this.#nonce} end `;
    const waiting: Waiting = { lines: [], chars: 0, answered, answer: null, end, go };
    this.#waiting = waiting;
    // owner: this call, which waits for both, but perhaps not at the moment they reject.
    void Promise.allSettled([answered.promise, go?.seen.promise]);
    const watch = this.#watch(options.timeoutMs);
    try {
      const body = stays ? `{\n${script}\n} 2>&1` : `(\n${script}\n) 2>&1`;
      const input = data === undefined ? " </dev/null" : "";
      // One compound command: all of it is read before any of it runs, and data cannot be taken for
      // commands, since a shell whose script failed in the middle of them ends.
      const after = data === undefined ? ":" : '[ "$r" = 0 ] || exit 1';
      await this.#write(
        `{ ${body}${input}; r=$?; printf '\\n%s%s\\n' '${end}' "$r"; ${after}; }\n`,
      );
      if (go !== null && data !== undefined) {
        await Promise.race([go.seen.promise, answered.promise]);
        for await (const chunk of data.chunks) {
          if (waiting.answer !== null || this.#gone) break;
          await this.#process.write(chunk).catch(() => {});
          watch.again();
        }
      }
      return await answered.promise;
    } finally {
      watch.end();
      this.#waiting = null;
    }
  }

  /** Gives the connection up when nothing moves for so long. */
  #watch(timeoutMs: number): { again: () => void; end: () => void } {
    const { clock } = this.#options;
    const late = () => this.#giveUp(`no answer within ${timeoutMs} ms`);
    let timer = clock.setTimer(timeoutMs, late);
    return {
      again() {
        timer.cancel();
        timer = clock.setTimer(timeoutMs, late);
      },
      end: () => timer.cancel(),
    };
  }

  #giveUp(why: string): void {
    this.#why ??= new HostProblem(why);
    this.#process.kill();
  }

  async #write(text: string): Promise<void> {
    try {
      await this.#process.write(this.#encoder.encode(text));
    } catch {
      // The client ended: what it said last is better than that its pipe is closed.
      // One that only closed its pipe is killed when the time for the answer is over.
      await this.#process.ended;
    }
  }

  #onLine(line: string): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    if (line.startsWith(waiting.end)) {
      // The end begins on a line of its own, so an empty one is in front of it.
      if (waiting.lines.at(-1) === "") waiting.lines.pop();
      const code = Number(line.slice(waiting.end.length));
      waiting.answer = { code, lines: waiting.lines };
      waiting.answered.resolve(waiting.answer);
    } else if (waiting.go !== null && line === waiting.go.word) waiting.go.seen.resolve();
    else if (waiting.chars < MAX_ANSWER_CHARS) {
      waiting.chars += line.length + 1;
      waiting.lines.push(line);
    }
  }

  #onSaid(line: string): void {
    const plain = plainLine(line.replaceAll("\r", ""));
    if (plain.trim() === "") return;
    this.#said.push(plain);
    if (this.#said.length > KEPT_LINES) this.#said.splice(1, 1);
    this.#options.onSaid?.(plain);
  }

  #fail(problem: HostProblem): void {
    this.#why ??= problem;
    this.#waiting?.answered.reject(problem);
    this.#waiting?.go?.seen.reject(problem);
  }
}
