import { assertEquals } from "@std/assert";
import {
  decide,
  type ListenedSignal,
  listenSignals,
  NO_SIGNAL_YET,
  type SignalAction,
  type SignalState,
} from "../../src/lifecycle/signals.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { StartContext } from "../../src/lifecycle/part.ts";

/** Runs the decision over signals and the times they come at. */
function actionsFor(signals: [ListenedSignal, number][]): SignalAction[] {
  let state: SignalState = NO_SIGNAL_YET;
  return signals.map(([signal, atMs]) => {
    const decision = decide(state, signal, atMs);
    state = decision.state;
    return decision.action;
  });
}

Deno.test("the first signal stops, the second forces, the third and later ones exit", () => {
  assertEquals(
    actionsFor([["SIGINT", 0], ["SIGTERM", 1000], ["SIGINT", 2000], ["SIGTERM", 3000]]),
    ["stop", "force", "exit", "exit"],
  );
});

Deno.test("a repeat within 300 ms of the signal that counted is the same signal, whichever of the two it is", () => {
  assertEquals(
    actionsFor([["SIGINT", 0], ["SIGINT", 1], ["SIGTERM", 299], ["SIGINT", 300]]),
    ["stop", "ignore", "ignore", "force"],
  );
});

Deno.test("repeats that do not count do not push the next signal away", () => {
  assertEquals(
    actionsFor([["SIGINT", 0], ["SIGINT", 290], ["SIGINT", 310], ["SIGINT", 590], ["SIGINT", 610]]),
    ["stop", "ignore", "force", "ignore", "exit"],
  );
});

Deno.test("SIGHUP and SIGPIPE never count, before or between signals that do", () => {
  assertEquals(
    actionsFor([
      ["SIGHUP", 0],
      ["SIGPIPE", 1],
      ["SIGTERM", 2],
      ["SIGHUP", 1000],
      ["SIGPIPE", 1001],
      ["SIGTERM", 1002],
    ]),
    ["hangup", "ignore", "stop", "hangup", "ignore", "force"],
  );
});

/** A source of signals that remembers who listens. */
class FakeSignals {
  readonly listeners = new Map<string, Set<() => void>>();
  addSignalListener(signal: string, listener: () => void) {
    this.listeners.set(signal, (this.listeners.get(signal) ?? new Set()).add(listener));
  }
  removeSignalListener(signal: string, listener: () => void) {
    this.listeners.get(signal)?.delete(listener);
  }
  raise(signal: string) {
    for (const listener of this.listeners.get(signal) ?? []) listener();
  }
  get count(): number {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
}

Deno.test("signal listeners call back by decision and are given back at release", async () => {
  const source = new FakeSignals();
  const calls: string[] = [];
  let now = 0;
  const clock = { now: () => now } as Clock;
  const part = listenSignals({
    clock,
    source,
    onStop: (s) => calls.push(`stop ${s}`),
    onForce: (s) => calls.push(`force ${s}`),
    onExit: (s) => calls.push(`exit ${s}`),
    onHangup: () => calls.push("hangup"),
  });
  await part.start?.({} as StartContext);
  assertEquals(source.count, 4);
  assertEquals(part.facts?.().detail, "SIGINT SIGTERM SIGHUP SIGPIPE");
  for (const signal of ["SIGHUP", "SIGPIPE", "SIGINT", "SIGINT"]) source.raise(signal);
  now = 400;
  source.raise("SIGTERM");
  now = 800;
  source.raise("SIGINT");
  assertEquals(calls, ["hangup", "stop SIGINT", "force SIGTERM", "exit SIGINT"]);
  await part.release?.();
  assertEquals(source.count, 0);
});

Deno.test("real signals reach the listeners of a process, and its end is left to it", async () => {
  const program = `
    import { listenSignals } from ${
    JSON.stringify(import.meta.resolve("../../src/lifecycle/signals.ts"))
  };
    import { systemClock } from ${JSON.stringify(import.meta.resolve("../../src/base/clock.ts"))};
    // A listener alone keeps no process alive.
    const alive = setTimeout(() => {}, 5000);
    const heard = [];
    const hear = (what) => {
      console.log(what);
      if (heard.push(what) < 2) return;
      part.release();
      clearTimeout(alive);
    };
    const part = listenSignals({
      clock: systemClock,
      onStop: (s) => hear("stop " + s),
      onForce: () => hear("force"),
      onExit: () => hear("exit"),
      onHangup: () => hear("hangup"),
    });
    part.start();
    for (const signal of ["SIGPIPE", "SIGHUP", "SIGTERM"]) Deno.kill(Deno.pid, signal);
  `;
  const { stdout, code } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", program],
    stdin: "null",
    stderr: "inherit",
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n").sort();
  assertEquals(lines, ["hangup", "stop SIGTERM"]);
  assertEquals(code, 0, "the listeners given back, the process ends by itself");
});
