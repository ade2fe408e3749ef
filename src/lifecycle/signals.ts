/**
 * What a signal to the process means, and the listeners for it. The decision is pure; the listeners
 * are a resource that the root owns. Runs in the main isolate.
 */
import type { Clock } from "../base/clock.ts";
import type { Part } from "./part.ts";

/** The signals that Iris listens to. */
export type ListenedSignal = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGPIPE";

/**
 * What to do: `stop` with the configured budget, `force` everything now (the report still comes),
 * `exit` at once after killing what is known, `hangup` and `ignore` end nothing.
 */
export type SignalAction = "stop" | "force" | "exit" | "hangup" | "ignore";

/** What the decision remembers. */
export interface SignalState {
  /** How many signals counted until now. */
  readonly counted: number;
  /** When the last of them came, in ms of a monotonic clock. */
  readonly lastMs: number;
}

/** Before any signal came. */
export const NO_SIGNAL_YET: SignalState = { counted: 0, lastMs: -Infinity };

/**
 * A SIGINT or SIGTERM this soon after one that counted, in ms, is the same one again: a launcher
 * such as npm passes on what the terminal had already sent to the whole group.
 */
export const SIGNAL_REPEAT_MS = 300;

const ACTIONS = ["stop", "force", "exit"] as const;

/**
 * What a signal means now: the first SIGINT or SIGTERM stops, the second forces, the third and all
 * later ones exit. SIGHUP and SIGPIPE never count.
 */
export function decide(
  state: SignalState,
  signal: ListenedSignal,
  nowMs: number,
): { state: SignalState; action: SignalAction } {
  if (signal === "SIGHUP") return { state, action: "hangup" };
  if (signal === "SIGPIPE") return { state, action: "ignore" };
  if (nowMs - state.lastMs < SIGNAL_REPEAT_MS) return { state, action: "ignore" };
  const action = ACTIONS[Math.min(state.counted, ACTIONS.length - 1)] ?? "exit";
  return { state: { counted: state.counted + 1, lastMs: nowMs }, action };
}

/** Where signals come from: Deno itself, or a test. */
export interface SignalSource {
  addSignalListener(signal: ListenedSignal, listener: () => void): void;
  removeSignalListener(signal: ListenedSignal, listener: () => void): void;
}

/** Who is told, and how. */
export interface SignalOptions {
  readonly clock: Clock;
  /** First: stop with the configured budget. */
  readonly onStop: (signal: ListenedSignal) => void;
  /** Second: force now; verify and report still run. */
  readonly onForce: (signal: ListenedSignal) => void;
  /** Third and later: SIGKILL every known group, then end the process at once. */
  readonly onExit: (signal: ListenedSignal) => void;
  /** SIGHUP; without it a hangup is ignored. */
  readonly onHangup?: () => void;
  /** Signals that are listened to, all by default. */
  readonly signals?: readonly ListenedSignal[];
  readonly source?: SignalSource;
}

/**
 * From now until the process ends a signal changes nothing: everything is down, and what is left is to
 * say so. Without a listener one that comes in between would end the process, its report untold.
 */
export function outlastSignals(): void {
  // They hold nothing: a process that has nothing else to do ends with them.
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => {});
}

const ALL_SIGNALS: readonly ListenedSignal[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"];

/** The listeners as a part: own it first, so that they are released last. */
export function listenSignals(options: SignalOptions): Part {
  const source: SignalSource = options.source ?? Deno;
  const listeners = new Map<ListenedSignal, () => void>();
  let state = NO_SIGNAL_YET;
  const receive = (signal: ListenedSignal) => {
    const decision = decide(state, signal, options.clock.now());
    state = decision.state;
    switch (decision.action) {
      case "stop":
        return options.onStop(signal);
      case "force":
        return options.onForce(signal);
      case "exit":
        return options.onExit(signal);
      case "hangup":
        return options.onHangup?.();
      case "ignore":
        return;
    }
  };
  return {
    name: "signals",
    kind: "resource",
    start() {
      for (const signal of options.signals ?? ALL_SIGNALS) {
        const listener = () => receive(signal);
        source.addSignalListener(signal, listener);
        listeners.set(signal, listener);
      }
    },
    release() {
      for (const [signal, listener] of listeners) source.removeSignalListener(signal, listener);
      listeners.clear();
    },
    facts: () => ({ detail: [...listeners.keys()].join(" ") }),
  };
}
