/** The tokens of a cluster, kept in its state folder and made at its first start. Runs in main. */
import { messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import type { ClusterTokens } from "../../controller/messages.ts";
import type { StateDir } from "../../host/state_dir.ts";
import type { BuiltInToken } from "../../wire/token_roles.ts";

/** The files, by what their tokens are for. */
const FILES = { admin: "token", worker: "worker-token" } as const;
/** The worker token of before, as long as it is taken: JSON. */
const OLD_WORKER = "worker-token.old";

/** What a client and a worker must show, and what tokens of tasks are made with. */
export class TokenFiles {
  readonly #state: StateDir;
  #tokens: ClusterTokens;
  #onWorker: (token: string) => void | Promise<void> = () => {};

  /** @param state whose files they are */
  constructor(state: StateDir) {
    this.#state = state;
    const old = readOld(`${state.path}/${OLD_WORKER}`);
    this.#tokens = {
      admin: state.token(FILES.admin),
      worker: state.token(FILES.worker),
      task: state.token("task-secret"),
      ...(old !== null && { oldWorker: old }),
    };
  }

  /** As they are now. */
  get current(): ClusterTokens {
    return this.#tokens;
  }

  /** The file with the worker token, which its users read anew each time. */
  get workerFile(): string {
    return `${this.#state.path}/${FILES.worker}`;
  }

  /** Sets who is told of another worker token, replacing an earlier one. */
  onWorker(handler: (token: string) => void | Promise<void>): void {
    this.#onWorker = handler;
  }

  /** Puts a token in the place of another; it is in the file when this returns. */
  rotate(which: BuiltInToken, token: string, of: { graceMs: number; nowMs: number }): void {
    if (which === "worker") this.#keepOld(of);
    this.#state.write(FILES[which], `${token}\n`);
    this.#tokens = { ...this.#tokens, [which]: token };
    // owner: whoever set it, who knows what it is for.
    if (which === "worker") void this.#onWorker(token);
  }

  #keepOld({ graceMs, nowMs }: { graceMs: number; nowMs: number }): void {
    const { oldWorker: _, ...others } = this.#tokens;
    if (graceMs === 0) {
      this.#state.write(OLD_WORKER, "");
      this.#tokens = others;
      return;
    }
    const oldWorker = { token: others.worker, untilMs: nowMs + graceMs };
    this.#state.write(OLD_WORKER, JSON.stringify(oldWorker));
    this.#tokens = { ...others, oldWorker };
  }
}

function readOld(file: string): { token: string; untilMs: number } | null {
  try {
    const text = Deno.readTextFileSync(file);
    // Written by this program.
    return text === "" ? null : JSON.parse(text) as { token: string; untilMs: number };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    // Workers with the new token work; those with the old one are told.
    logger("iris").warn("{file} cannot be read: {error}", { file, error: messageOf(error) });
    return null;
  }
}
