/**
 * Calls of the API over `fetch`: each has a deadline or a signal, and what goes wrong is an error with
 * a code. Owns nothing between calls.
 */
import { systemClock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { fetchProblem } from "../base/fetch_problem.ts";
import type { ErrorBody } from "../wire/api.ts";
import { ConnectionError, errorOf } from "./errors.ts";
import { mayPass, retrying, wasTooMany } from "./retry.ts";

/** Where and how to reach a controller. */
export interface ClientOptions {
  /** For instance `http://127.0.0.1:10000`. */
  readonly url: string;
  readonly token: string;
  /** Whose jobs short names mean. */
  readonly user?: string;
  /** How long a call that is no stream may take, in ms. Default 30,000. */
  readonly timeoutMs?: number;
  /**
   * How long calls that may be repeated are tried again when nobody answers, in ms. When left out a
   * submit is for a second, and everything else is not.
   */
  readonly giveUpMs?: number;
  /** What calls go through, for instance one that trusts a certificate; `fetch` when left out. */
  readonly fetch?: typeof fetch;
  /** What makes WebSockets that send headers, likewise; `WebSocket` itself when left out. */
  readonly socket?: (url: string, headers: Readonly<Record<string, string>>) => WebSocket;
}

/** What else ends or bounds every call of a client. */
export interface CallLimits {
  /** Ends calls and streams that are under way, and refuses later ones. */
  readonly signal?: AbortSignal | undefined;
  /** See {@linkcode ClientOptions.giveUpMs}. */
  readonly giveUpMs?: number | undefined;
  /** Only for the job of this generation: `gone` when another one has its name. */
  readonly generation?: number | undefined;
}

/** One call that is answered with JSON. */
export interface JsonOptions {
  readonly body?: unknown;
  /** Makes it one submit, however often it is tried. */
  readonly key?: string;
  /** Whether it does no harm a second time; GETs never do. */
  readonly repeat?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** How long the server may hold it before it answers, in ms: that is no part of its time. */
  readonly heldMs?: number;
}

/** One call that is answered with bytes. */
export interface OpenOptions {
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body is still to be read. */
export interface Opened {
  readonly response: Response;
  /** To be called when the body was read or given up: no signal is listened to any more. */
  readonly done: () => void;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** How long a submit is tried that nobody answers, unless it was said, in ms. */
const SUBMIT_GIVE_UP_MS = 1_000;

/** See the head of this file. */
export class Transport {
  readonly options: ClientOptions;
  readonly #signals: readonly AbortSignal[];
  readonly #limits: CallLimits;

  /** @param options where the controller is, and the token to show */
  constructor(options: ClientOptions, limits: CallLimits = {}, signals: AbortSignal[] = []) {
    this.options = options;
    this.#limits = limits;
    this.#signals = signals;
  }

  /** The same with further limits. */
  with(limits: CallLimits): Transport {
    const { signal } = limits;
    const signals = signal === undefined ? this.#signals : [...this.#signals, signal];
    const { giveUpMs = this.#limits.giveUpMs, generation = this.#limits.generation } = limits;
    return new Transport(this.options, { giveUpMs, generation }, [...signals]);
  }

  /** How long no controller may be reached before it is given up, in ms; undefined when not said. */
  get giveUpMs(): number | undefined {
    return this.#limits.giveUpMs ?? this.options.giveUpMs;
  }

  /** Calls, and reads the JSON of the answer. @throws {IrisError} as the API answers */
  async json<T>(method: string, path: string, options: JsonOptions = {}): Promise<T> {
    const { key } = options;
    const isRead = method === "GET";
    const mayRepeat = options.repeat ?? (isRead || key !== undefined);
    const giveUpMs = this.giveUpMs ?? (key === undefined ? 0 : SUBMIT_GIVE_UP_MS);
    const { signal, done } = this.until(options.signal);
    try {
      return await retrying(() => this.#once<T>(method, path, { ...options, signal }), {
        ...{ giveUpMs, signal },
        // Whoever stops takes in no more work.
        passing: (error) =>
          wasTooMany(error) || (mayRepeat && mayPass(error) &&
            (isRead || !(error instanceof IrisError && error.code === "closing"))),
      });
    } finally {
      done();
    }
  }

  /** All that may end a call or a stream, as one signal with their reason, until `done` is called. */
  until(signal?: AbortSignal): { readonly signal: AbortSignal; readonly done: () => void } {
    const limit = new Limit([...this.#signals, signal], null);
    return { signal: limit.signal, done: () => limit.done() };
  }

  async #once<T>(method: string, path: string, options: JsonOptions): Promise<T> {
    const { body, key, heldMs = 0 } = options;
    const timeoutMs = options.timeoutMs ?? this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const limit = new Limit([options.signal], timeoutMs + heldMs);
    try {
      const response = await this.#fetch(method, path, {
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: key === undefined ? {} : { "Idempotency-Key": key },
        limit,
      });
      return await this.#checked<T>(response, limit);
    } finally {
      limit.done();
    }
  }

  /** Calls; the deadline is for the answer to begin. @throws {IrisError} as the API answers */
  async open(method: string, path: string, options: OpenOptions = {}): Promise<Opened> {
    const timeoutMs = this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    // What is sent may take its time.
    const isUpload = options.body !== undefined && typeof options.body !== "string";
    const limit = new Limit([...this.#signals, options.signal], isUpload ? null : timeoutMs);
    try {
      const response = await this.#fetch(method, path, { ...options, limit });
      if (!response.ok) await this.#checked<never>(response, limit);
      limit.begun();
      return { response, done: () => limit.done() };
    } catch (error) {
      limit.done();
      throw error;
    }
  }

  /** Fetches JSON from another address, showing the same token. */
  async elsewhere<T>(url: string, timeoutMs: number): Promise<T> {
    const limit = new Limit([...this.#signals], timeoutMs);
    try {
      const fetching = this.options.fetch ?? fetch;
      const response = await fetching(url, { headers: this.headers(), signal: limit.signal });
      return await this.#checked<T>(response, limit);
    } finally {
      limit.done();
    }
  }

  /** What every call says of itself. */
  headers(): Record<string, string> {
    const { token, user } = this.options;
    return {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/json",
      ...(user === undefined ? {} : { "X-Iris-User": user }),
    };
  }

  async #fetch(
    method: string,
    path: string,
    of: OpenOptions & { readonly limit: Limit },
  ): Promise<Response> {
    const { body, headers, limit } = of;
    // Node takes a stream only with `duplex`, of which types know nothing yet.
    const sent = body === undefined
      ? {}
      : { body, ...(body instanceof ReadableStream && { duplex: "half" }) };
    limit.throwIfAborted();
    try {
      return await (this.options.fetch ?? fetch)(`${this.options.url}${this.#pathOf(path)}`, {
        method,
        headers: { ...this.headers(), ...headers },
        signal: limit.signal,
        ...sent,
      } as RequestInit);
    } catch (error) {
      throw this.#problem(error, limit);
    }
  }

  #pathOf(path: string): string {
    const { generation } = this.#limits;
    if (generation === undefined || !path.startsWith("/api/v1/jobs/")) return path;
    return `${path}${path.includes("?") ? "&" : "?"}generation=${generation}`;
  }

  async #checked<T>(response: Response, limit: Limit): Promise<T> {
    let text: string;
    try {
      text = await response.text();
    } catch (error) {
      throw this.#problem(error, limit);
    }
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (error) {
      const where = new URL(response.url || this.options.url).origin;
      const message = `${where} does not answer like an Iris controller (HTTP ${response.status})`;
      throw new ConnectionError("unavailable", message, { cause: error });
    }
    if (response.ok) return body as T;
    throw errorOf(body as ErrorBody);
  }

  #problem(error: unknown, limit: Limit): unknown {
    if (limit.aborted !== undefined) return limit.aborted.reason;
    const why = limit.isLate ? "no answer in time" : fetchProblem(error);
    return new ConnectionError(
      limit.isLate ? "timeout" : "unavailable",
      `No answer from the controller at ${this.options.url}: ${why}`,
      { cause: error },
    );
  }
}

/** The body of an answer that somebody else reads: whenever that ends, nothing is listened to any more. */
export function bodyOf({ response, done }: Opened): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done: isOver = true } = await reader?.read() ?? {};
        if (value !== undefined) return controller.enqueue(value);
        if (!isOver) return;
        done();
        controller.close();
      } catch (error) {
        done();
        throw error;
      }
    },
    async cancel(reason) {
      done();
      await reader?.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** What ends one call: signals, and a time. */
class Limit {
  readonly #abort = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #onAbort = () => this.#abort.abort(this.aborted?.reason);
  readonly #timer: { cancel(): void } | null;
  isLate = false;

  constructor(signals: readonly (AbortSignal | undefined)[], timeoutMs: number | null) {
    this.#signals = signals.filter((one) => one !== undefined);
    for (const one of this.#signals) one.addEventListener("abort", this.#onAbort, { once: true });
    if (this.aborted !== undefined) this.#onAbort();
    this.#timer = timeoutMs === null ? null : systemClock.setTimer(timeoutMs, () => {
      this.isLate = true;
      this.#abort.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The caller's signal that has aborted. */
  get aborted(): AbortSignal | undefined {
    return this.#signals.find((one) => one.aborted);
  }

  throwIfAborted(): void {
    this.aborted?.throwIfAborted();
  }

  /** The answer has begun: it may take as long as it likes. */
  begun(): void {
    this.#timer?.cancel();
  }

  done(): void {
    this.#timer?.cancel();
    for (const one of this.#signals) one.removeEventListener("abort", this.#onAbort);
  }
}
