import { assert, assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { DesiredState, type KeeperCommand } from "../../src/worker/desired_state.ts";
import {
  endedFact as ended,
  sampleFacts as facts,
  sampleRequest as request,
  sampleSpec as spec,
  startedFact as started,
} from "../support/reconcile_samples.ts";

function kinds(commands: readonly KeeperCommand[]): string[] {
  return commands.map((command) =>
    "runs" in command ? `${command.kind} ${JSON.stringify(command.runs)}` : command.kind
  );
}

/** A worker to which tasks 0 to 3 of job 1 were given; 0 and 1 run. */
function busyWorker(): DesiredState {
  const state = new DesiredState("w0");
  state.join("c");
  state.apply(request(1, { specs: [spec(1)], run: [[1, 0, 4, 0]] }));
  state.observe(facts(2, { started: [started(1, 0), started(1, 1)] }), 0);
  state.answer(request(1));
  return state;
}

Deno.test("a desired run is made known and started, in that order, and once", () => {
  const state = new DesiredState("w0");
  const first = state.apply(request(1, { specs: [spec(1)], run: [[1, 0, 4, 0], [1, 2, 6, 0]] }));
  assertEquals(kinds(first.commands), ["spec", "start [[1,0,4,0],[1,4,6,0]]"]);
  assertEquals(first.newEpoch, true);
  const second = state.apply(request(2, { specs: [spec(1)], run: [[1, 0, 7, 0]] }));
  assertEquals(kinds(second.commands), ["start [[1,6,7,0]]"]);
  const answer = state.answer({ epoch: 1, seq: 2 });
  assertEquals([answer.backlog, answer.running, answer.specs], [7, 0, [1]]);
});

Deno.test("a desired run without a spec is missing, and known again once the spec comes", () => {
  const state = new DesiredState("w0");
  assertEquals(state.apply(request(1, { run: [[7, 0, 2, 0]] })).commands, []);
  assertEquals(state.answer(request(1)).missing, [[7, 0, 2, 0]]);
  const next = state.apply(request(2, { specs: [spec(7)], run: [[7, 0, 2, 0]] }));
  assertEquals(kinds(next.commands), ["spec", "start [[7,0,2,0]]"]);
  assertEquals(state.answer(request(2)).missing, []);
});

Deno.test("an older epoch, another cluster and another worker's call are refused", () => {
  const state = busyWorker();
  state.apply(request(1, { epoch: 5, run: [[1, 0, 4, 0]] }));
  for (const more of [{ epoch: 4 }, { cluster: "d", epoch: 9 }, { worker: "w1", epoch: 9 }]) {
    const error = assertThrows(() => state.apply(request(9, more)), IrisError);
    assertEquals((error as IrisError).code, "conflict");
  }
  assertEquals(state.apply(request(2, { epoch: 5, run: [[1, 0, 4, 0]] })).fresh, true);
});

Deno.test("an older or repeated call of the same epoch changes nothing", () => {
  const state = busyWorker();
  for (const seq of [1, 0]) {
    const applied = state.apply(request(seq, { run: [], stop: [[1, 0, 4, 0, "cancelled"]] }));
    assertEquals([applied.fresh, applied.commands.length], [false, 0]);
  }
});

Deno.test("a higher epoch takes over and starts counting anew", () => {
  const state = busyWorker();
  const applied = state.apply(request(0, { epoch: 2, run: [[1, 0, 4, 0]] }));
  assertEquals([applied.fresh, applied.newEpoch, applied.commands.length], [true, true, 0]);
});

Deno.test("what runs here and is not desired is stopped, once; what waits is taken back", () => {
  const state = busyWorker();
  const { facts: told } = state.answer(request(1));
  const ackFacts = told!.upTo;
  const applied = state.apply(request(2, { run: [[1, 1, 2, 0]], ackFacts }));
  assertEquals(kinds(applied.commands).slice(-2), ["unqueue [[1,2,4,0]]", "stop [[1,0,1,0]]"]);
  assertEquals(state.apply(request(3, { run: [[1, 1, 2, 0]], ackFacts })).commands, []);
});

Deno.test("what began just as it was asked back runs on until the controller knows and chose", () => {
  const state = busyWorker();
  // The controller took it for one that waits: the news that it began is still on its way.
  const applied = state.apply(request(2, { run: [[1, 1, 2, 0]] }));
  assertEquals(kinds(applied.commands), ["unqueue [[1,2,4,0]]"]);
  const ackFacts = state.answer(request(2)).facts!.upTo;
  const back = state.apply(request(3, { run: [[1, 0, 2, 0]], ackFacts }));
  assertEquals(back.commands.filter(({ kind }) => kind === "stop"), [], "it is desired again");
});

Deno.test("stops go to the keeper once by reason; ended ones go on reporting their end", () => {
  const state = busyWorker();
  state.observe(facts(3, { ended: [ended(1, 1)] }), 0);
  const stop = request(2, {
    run: [],
    stop: [[1, 0, 2, 0, "cancelled"], [1, 2, 4, 0, "timeout"]],
  });
  assertEquals(kinds(state.apply(stop).commands), ["stop [[1,0,1,0]]", "stop [[1,2,4,0]]"]);
  assertEquals(state.answer(request(2)).missing, []);
  assertEquals(state.apply({ ...stop, seq: 3 }).commands, []);
  assertEquals(state.answer(request(3)).facts?.ended, [[1, 1, 2, 0, "exit", 0, 1_000]]);
});

Deno.test("a stop of what never came here is answered as missing", () => {
  const state = new DesiredState("w0");
  state.apply(request(1, { stop: [[3, 0, 5, 0, "cancelled"]] }));
  assertEquals(state.answer(request(1)).missing, [[3, 0, 5, 0]]);
});

Deno.test("an end is told until it is acknowledged, then the keeper may forget it", () => {
  const state = busyWorker();
  state.observe(facts(3, { ended: [ended(1, 0)] }), 0);
  const still = request(2, { run: [[1, 0, 4, 0]], ackFacts: 2 });
  assertEquals(state.apply(still).commands, [{ kind: "ack", upTo: 2 }], "no second start");
  for (const seq of [2, 3]) assertEquals(state.answer(request(seq)).facts?.upTo, 3);
  const acked = state.apply(request(4, { run: [[1, 1, 4, 0]], ackFacts: 3 }));
  assertEquals(acked.commands, [{ kind: "ack", upTo: 3 }]);
  assertEquals(state.answer(request(4)).facts, null);
  assert(state.settled);
});

Deno.test("one that began while it was asked back lives until the controller had its choice", () => {
  const state = busyWorker();
  state.apply(request(2, { run: [[1, 0, 2, 0]], ackFacts: 2 }));
  state.observe(facts(4, { started: [started(1, 2)], unqueued: [[1, 3, 4, 0]] }), 0);
  state.answer(request(2));
  assertEquals(state.apply(request(3, { run: [[1, 0, 2, 0]], ackFacts: 2 })).commands, []);
  const late = state.apply(request(4, { run: [[1, 0, 2, 0]], ackFacts: 4 }));
  assertEquals(kinds(late.commands), ["ack", "stop [[1,2,3,0]]"]);
});

Deno.test("one that is wanted back while it is taken back ends as missing, not twice", () => {
  const state = busyWorker();
  state.apply(request(2, { run: [[1, 0, 2, 0]], ackFacts: 2 }));
  assertEquals(state.apply(request(3, { run: [[1, 0, 4, 0]], ackFacts: 2 })).commands, []);
  state.observe(facts(4, { unqueued: [[1, 2, 4, 0]] }), 50);
  assertEquals(state.apply(request(4, { run: [[1, 0, 4, 0]], ackFacts: 2 })).commands, []);
  assertEquals(state.answer(request(4)).facts?.ended, [[1, 2, 4, 0, "missing", 0, 50]]);
});

Deno.test("a closed worker starts nothing new and says so", () => {
  const state = busyWorker();
  state.close("stopping");
  state.close("a later reason");
  const applied = state.apply(request(2, { specs: [spec(2)], run: [[1, 0, 5, 0], [2, 0, 1, 0]] }));
  assertEquals(kinds(applied.commands), ["spec"]);
  const answer = state.answer(request(2));
  assertEquals(answer.missing, [[1, 4, 5, 0], [2, 0, 1, 0]]);
  assertEquals([answer.accepting, answer.reason], [false, "stopping"]);
});

Deno.test("when the keeper is lost, all it had is told as ended in an unknown way", () => {
  const state = busyWorker();
  state.keeperLost({ atMs: 77, detail: "it died" });
  const answer = state.answer(request(1));
  assertEquals(answer.facts?.ended, [[1, 0, 4, 0, "unknown", 0, 77]]);
  assertEquals(answer.facts?.detail["1.3.0"], "it died");
  assertEquals([answer.accepting, answer.running, answer.backlog], [false, 0, 0]);
  const next = state.apply(request(2, { ackFacts: answer.facts!.upTo, run: [[1, 4, 5, 0]] }));
  assertEquals(next.commands, [], "there is nobody to tell");
  assertEquals(state.answer(request(2)).missing, [[1, 4, 5, 0]]);
});

Deno.test("what a keeper has is taken over: nothing starts twice, its facts are told", () => {
  const state = new DesiredState("w0");
  state.adopt({
    pid: 1,
    version: "",
    running: [started(1, 0), started(1, 1)],
    queued: [[1, 3, 5, 0]],
    facts: facts(12, { started: [started(1, 1)], ended: [ended(1, 2)] }),
    spawner: "plain",
    cgroup: null,
  }, 0);
  assertEquals([state.running, state.backlog], [2, 2]);
  const applied = state.apply(request(1, { run: [[1, 0, 5, 0]], ackFacts: 900 }));
  assertEquals(applied.commands, [], "the number of another keeper acknowledges nothing");
  assertEquals(state.answer(request(1)).facts?.upTo, 12);
});

Deno.test("idle specs beyond the limit are forgotten, oldest first, used ones never", () => {
  const state = new DesiredState("w0");
  state.apply(request(1, { specs: [spec(1)], run: [[1, 0, 1, 0]] }));
  state.observe(facts(1, { started: [started(1, 0)] }), 0);
  const many = Array.from({ length: 130 }, (_, i) => spec(i + 2));
  const applied = state.apply(request(2, { specs: many, run: [[1, 0, 1, 0], [3, 0, 1, 0]] }));
  const forgotten = applied.commands.flatMap((c) => c.kind === "forget" ? [c.generation] : []);
  assertEquals(forgotten, [2, 4, 5]);
  assertEquals(state.answer(request(2)).specs.length, 128);
});
