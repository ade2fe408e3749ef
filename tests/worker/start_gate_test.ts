import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Run } from "../../src/wire/runs.ts";
import type { KeeperCommand } from "../../src/worker/desired_state.ts";
import type { EndedFact, KeeperFacts, KeeperHello } from "../../src/worker/keeper_link.ts";
import { type GateStep, StartGate } from "../../src/worker/start_gate.ts";
import { endedFact, sampleSpec, startedFact } from "../support/reconcile_samples.ts";

const NO_FACTS: KeeperFacts = { upTo: 0, started: [], ended: [], unqueued: [] };

function spec(generation: number, bundle: string | null): KeeperCommand {
  return { kind: "spec", spec: { ...sampleSpec(generation), bundle } };
}
const start = (...runs: Run[]): KeeperCommand => ({ kind: "start", runs });
const tellStart = (...runs: Run[]): GateStep => ({ kind: "tell", command: start(...runs) });
const ended = (generation: number, index: number): KeeperFacts => ({
  ...NO_FACTS,
  ended: [endedFact(generation, index)],
});
const kinds = (steps: readonly GateStep[]) => steps.map(({ kind }) => kind);

function gateWith(...commands: KeeperCommand[]): StartGate {
  const gate = new StartGate();
  for (const command of commands) gate.apply(command);
  return gate;
}

Deno.test("a job with a bundle waits for it while others pass, and starts in order then", () => {
  const gate = new StartGate();
  assertEquals(gate.apply(spec(1, "b")), [], "its keeper is told where the bundle lies, not yet");
  assertEquals(kinds(gate.apply(spec(2, null))), ["tell"]);
  assertEquals(gate.apply(start([1, 0, 3, 0], [2, 0, 2, 0], [1, 7, 8, 0])), [
    tellStart([2, 0, 2, 0]),
    { kind: "prepare", spec: { ...sampleSpec(1), bundle: "b" } },
  ]);
  assertEquals(gate.apply(start([1, 4, 5, 0])), [], "it is asked for once");
  assertEquals(gate.held, 5);
  const [told, started, ...rest] = gate.ready(1, "/b");
  assert(told?.kind === "spec" && told.folder === "/b" && told.spec.generation === 1);
  assertEquals([started, rest], [tellStart([1, 0, 3, 0], [1, 7, 8, 0], [1, 4, 5, 0]), []]);
  assertEquals(gate.apply(start([1, 9, 10, 0])), [tellStart([1, 9, 10, 0])], "it is ready now");
});

Deno.test("what waits is taken back and stopped here, and what the keeper has is its own", () => {
  const gate = gateWith(spec(1, "b"), spec(2, "c"), start([1, 0, 4, 0]), start([2, 0, 1, 0]));
  gate.ready(2, "/c");
  assertEquals(gate.apply({ kind: "unqueue", runs: [[1, 1, 2, 0], [2, 0, 1, 0]] }), [
    { kind: "refuse", runs: [[1, 1, 2, 0]], end: { cause: "missing", detail: null } },
    { kind: "tell", command: { kind: "unqueue", runs: [[2, 0, 1, 0]] } },
  ]);
  assertEquals(gate.apply({ kind: "stop", runs: [[1, 0, 9, 0]], reason: "cancelled" }), [
    {
      kind: "refuse",
      runs: [[1, 0, 1, 0], [1, 2, 4, 0]],
      end: { cause: "cancelled", detail: null },
    },
    { kind: "release", generation: 1 },
    {
      kind: "tell",
      command: { kind: "stop", runs: [[1, 1, 2, 0], [1, 4, 9, 0]], reason: "cancelled" },
    },
  ]);
  assertEquals(gate.ready(1, "/b"), [{ kind: "release", generation: 1 }], "it came too late");
});

Deno.test("a bundle that cannot be had ends what waits, and the next start asks again", () => {
  const gate = gateWith(spec(1, "b"), start([1, 0, 2, 0]));
  assertEquals(gate.failed(1, "no"), [
    { kind: "refuse", runs: [[1, 0, 2, 0]], end: { cause: "launch_error", detail: "no" } },
    { kind: "release", generation: 1 },
  ]);
  assertEquals(gate.failed(1, "no"), []);
  assertEquals(kinds(gate.apply(start([1, 0, 2, 1]))), ["prepare"]);
});

Deno.test("a job lets its bundle go when its last attempt ended, and asks for it again", () => {
  const gate = gateWith(spec(1, "b"), start([1, 0, 2, 0]));
  gate.ready(1, "/b");
  assertEquals(gate.observe({ ...NO_FACTS, started: [startedFact(1, 0)] }), []);
  assertEquals(gate.observe(ended(1, 0)), []);
  assertEquals(gate.observe(ended(1, 1)), [{ kind: "release", generation: 1 }]);
  assertEquals(kinds(gate.apply(start([1, 5, 6, 0]))), ["prepare"]);
});

Deno.test("what an earlier process started is remembered until the last of it is gone", () => {
  const hello: KeeperHello = {
    ...{ pid: 1, version: "0", spawner: "plain", cgroup: null, facts: NO_FACTS },
    running: [startedFact(1, 0)],
    queued: [[2, 0, 1, 0]],
  };
  const gate = new StartGate();
  assertEquals(gate.adopt(hello), []);
  assertEquals(gate.observe(ended(1, 0)), []);
  const gone = { ...NO_FACTS, unqueued: [[2, 0, 1, 0]] as Run[] };
  assertEquals(gate.observe(gone), [{ kind: "settled" }]);
  assertEquals(new StartGate().adopt({ ...hello, running: [], queued: [] }), [{ kind: "settled" }]);
});

Deno.test("a worker that stops gives back what waits; one whose keeper is lost tells nobody", () => {
  const commands = [spec(1, "b"), start([1, 0, 2, 0])];
  assertEquals(gateWith(...commands).close(), [
    { kind: "refuse", runs: [[1, 0, 2, 0]], end: { cause: "missing", detail: null } },
    { kind: "release", generation: 1 },
  ]);
  const lost = gateWith(...commands);
  assertEquals(lost.drop(), [{ kind: "release", generation: 1 }]);
  assertEquals([lost.held, lost.ready(1, "/b")], [0, [{ kind: "release", generation: 1 }]]);
});

Deno.test("a job that the keeper never heard of is forgotten without a word to it", () => {
  const gate = gateWith(spec(1, "b"), spec(2, null));
  assertEquals(gate.apply({ kind: "forget", generation: 1 }), []);
  assertEquals(kinds(gate.apply({ kind: "forget", generation: 2 })), ["tell"]);
});

/** A keeper and a cache that check what they are told, and where each attempt is. */
class Model {
  readonly gate = new StartGate();
  /** Where each attempt is, by `generation.index`; nothing: never asked for, or over. */
  readonly at = new Map<string, "gate" | "keeper">();
  /** Generations that wait for their bundle, and those that use one. */
  readonly asked = new Set<number>();
  readonly using = new Set<number>();
  readonly specs = new Set<number>();
  /** By generation: what the keeper got, in order. */
  readonly order = new Map<number, number[]>();

  each(runs: readonly Run[], fn: (key: string, generation: number, index: number) => void): void {
    for (const [generation, from, to] of runs) {
      for (let index = from; index < to; index++) fn(`${generation}.${index}`, generation, index);
    }
  }

  take(steps: readonly GateStep[]): void {
    for (const step of steps) {
      switch (step.kind) {
        case "spec":
          assert(this.asked.delete(step.spec.generation), "a spec without its bundle");
          this.using.add(step.spec.generation);
          this.specs.add(step.spec.generation);
          break;
        case "prepare":
          assert(!this.asked.has(step.spec.generation), "asked for twice");
          this.asked.add(step.spec.generation);
          break;
        case "release":
          this.asked.delete(step.generation);
          this.using.delete(step.generation);
          break;
        case "refuse":
          this.each(step.runs, (key) => {
            assertEquals(this.at.get(key), "gate", `${key} is refused`);
            this.at.delete(key);
          });
          break;
        case "tell":
          this.tell(step.command);
      }
    }
  }

  tell(command: KeeperCommand): void {
    if (command.kind === "spec") this.specs.add(command.spec.generation);
    if (command.kind === "start") {
      this.each(command.runs, (key, generation, index) => {
        assert(this.specs.has(generation), `${key} starts before the keeper knows its job`);
        assert(
          isPlain(generation) || this.using.has(generation),
          `${key} starts without its bundle`,
        );
        assert(this.at.get(key) !== "keeper", `${key} starts twice`);
        this.at.set(key, "keeper");
        this.order.set(generation, [...this.order.get(generation) ?? [], index]);
      });
    }
    if (command.kind === "unqueue" || command.kind === "stop") {
      this.each(command.runs, (key) => assert(this.at.get(key) !== "gate", `${key} is not there`));
    }
  }

  /** The keeper says that an attempt is over. */
  end(key: string): void {
    if (this.at.get(key) !== "keeper") return;
    this.at.delete(key);
    const [generation = 0, index = 0] = key.split(".").map(Number);
    this.take(
      this.gate.observe({ ...NO_FACTS, ended: [endedFact(generation, index) as EndedFact] }),
    );
  }
}

const isPlain = (generation: number) => generation === 3;
const anyRun = fc.record({ generation: fc.integer({ min: 1, max: 3 }), index: fc.nat(5) });
const anyEvent = fc.oneof(
  fc.record({ type: fc.constant("start" as const), runs: fc.array(anyRun, { minLength: 1 }) }),
  fc.record({
    type: fc.constantFrom("stop" as const, "unqueue" as const),
    runs: fc.array(anyRun, { minLength: 1 }),
  }),
  fc.record({
    type: fc.constantFrom("ready" as const, "failed" as const),
    generation: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ type: fc.constant("end" as const), run: anyRun }),
);

Deno.test("whatever happens in whatever order, each attempt is in one place and none is forgotten", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      const model = new Model();
      const { gate } = model;
      model.take(gate.adopt({
        ...{ pid: 1, version: "0", spawner: "plain", cgroup: null, facts: NO_FACTS },
        ...{ running: [], queued: [] },
      }));
      for (const generation of [1, 2, 3]) {
        model.take(gate.apply(spec(generation, isPlain(generation) ? null : `b${generation}`)));
      }
      const asked = new Map<number, number[]>();
      let next = 100;
      for (const event of events) {
        if (event.type === "start") {
          // Desired state asks once for an attempt; each of these is a new one.
          const runs = event.runs.map(({ generation }): Run => [generation, next, ++next, 0]);
          model.each(runs, (key, generation, index) => {
            model.at.set(key, "gate");
            asked.set(generation, [...asked.get(generation) ?? [], index]);
          });
          const plain = runs.filter(([generation]) => isPlain(generation));
          model.take(gate.apply({ kind: "start", runs }));
          model.each(
            plain,
            (key) => assertEquals(model.at.get(key), "keeper", "others pass at once"),
          );
        } else if (event.type === "stop" || event.type === "unqueue") {
          const runs = event.runs.map(({ generation, index }): Run => [
            ...[generation, next - index - 1, next - index, 0] as const,
          ]);
          const { type: kind } = event;
          model.take(
            gate.apply(kind === "stop" ? { kind, runs, reason: "cancelled" } : { kind, runs }),
          );
          if (kind === "stop") {
            model.each(runs, (key) => model.end(key));
          }
        } else if (event.type === "end") {
          model.end(`${event.run.generation}.${next - event.run.index - 1}`);
        } else if ("generation" in event && model.asked.has(event.generation)) {
          if (event.type === "ready") model.take(gate.ready(event.generation, "/b"));
          else {
            model.asked.delete(event.generation);
            model.take(gate.failed(event.generation, "no"));
          }
        }
        const waiting = [...model.at.values()].filter((place) => place === "gate").length;
        assertEquals(gate.held, waiting, "it holds exactly what it was given and not passed on");
      }
      for (const generation of [...model.asked]) model.take(gate.ready(generation, "/b"));
      assertEquals([...model.at.values()].filter((place) => place === "gate"), []);
      for (const [generation, order] of model.order) {
        const rank = (index: number) => asked.get(generation)!.indexOf(index);
        assertEquals(order, order.toSorted((a, b) => rank(a) - rank(b)), "in the order of asking");
      }
      for (const key of [...model.at.keys()]) model.end(key);
      assertEquals([...model.using], [], "no bundle stays in use");
    }),
    { numRuns: 500 },
  );
});
