/**
 * Bugs to plant: each a small change of the code that ships, such as happens to everybody, applied to
 * a copy of it. A simulator that does not find every one of them proves nothing.
 */

/** One bug. */
export interface Mutant {
  /** What goes wrong because of it. */
  readonly name: string;
  /** The file, below the root of the project, and the text in it that is there once. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** What the simulator says about it. */
  readonly finds: RegExp;
  /** Kinds of faults that bring it out; all when left out. */
  readonly faults?: readonly string[];
}

/** Every bug. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "a submit is acknowledged though the disk refused it",
    file: "src/controller/core_loop.ts",
    from: "      // The tick comes by here again.\n",
    to: "      this.#carryOut(this.#refused!);\n",
    finds: /acknowledged/,
    faults: ["fullDisk"],
  },
  {
    name: "answers leave before the commit",
    file: "src/controller/core_loop.ts",
    from: "      this.#store.writer.write(effects.store);\n",
    to:
      "      for (const answer of effects.answers) this.#server.post(this.#toMessage(answer));\n" +
      "      this.#store.writer.write(effects.store);\n",
    // Of a release that was answered and forgotten nothing tells but that its job never goes on.
    finds: /acknowledged|no such job is stored|not over/,
    faults: ["dieAtCommit"],
  },
  {
    name: "a failure is charged twice",
    file: "src/controller/attempt_ends.ts",
    from: '    const { failures } = job.ledger.charge(index, ["failures"]);\n',
    to: '    job.ledger.charge(index, ["failures"]);\n' +
      '    const { failures } = job.ledger.charge(index, ["failures"]);\n',
    finds: /is charged \d+ failures|FAILED after/,
    faults: [],
  },
  {
    name: "charges are not stored",
    file: "src/store/writer.ts",
    from: "    for (const row of changes.charges) s.charge.run(...row);\n",
    to: "",
    finds: /the store has nothing of what/,
    faults: [],
  },
  {
    name: "one worker's members of a gang are forgotten when it is disbanded",
    file: "src/controller/attempts.ts",
    from:
      "  for (const lane of [...job.lanes]) {\n    const worker = turn.state.workerOf(lane);\n    const waiting",
    to:
      "  for (const lane of [...job.lanes].slice(1)) {\n    const worker = turn.state.workerOf(lane);\n    const waiting",
    finds: /gang|not over/,
  },
  {
    name: "a silent worker is given up before its grace is over",
    file: "src/heartbeat/reconcile_session.ts",
    from: "&& nowMs - this.#lastOkMs >= graceMs;",
    to: "&& nowMs - this.#lastOkMs >= graceMs / 2;",
    finds: /was given up after \d+ ms of silence/,
  },
  {
    name: "an attempt that is missing is asked for again beside the next one",
    file: "src/heartbeat/reconcile_session.ts",
    from: "    const missing = this.#takeMissing(seq, response.missing);\n",
    to: "    const { missing } = response;\n",
    finds: /began on \w+ while|began after/,
    faults: ["crashWorkerLoop"],
  },
  {
    name: "numbers of calls go by the wall clock",
    file: "src/controller/core_loop.ts",
    from: "    const seq = this.#heartbeats++ * CALLS_PER_HEARTBEAT;\n",
    to: "    const seq = Math.floor(this.#context.clock.wall());\n",
    finds: /not over/,
    faults: ["clockJump", "crashControllerLoop"],
  },
  {
    name: "rests wait for a wall clock that was set back",
    file: "src/controller/core_loop.ts",
    from: "      if (Math.abs(byMs) > MAX_CLOCK_STEP_MS) {",
    to: "      if (byMs === Infinity) {",
    finds: /not over/,
    faults: ["clockJump"],
  },
  {
    name: "what waits for the disk changes with the state behind it",
    file: "src/model/range_map.ts",
    from: "    return this.#cells.slice();\n",
    to: "    return this.#cells;\n",
    finds: /does not fit together/,
    faults: ["fullDisk"],
  },
  {
    name: "a lifecycle loop that begins anew does not learn where its server listens",
    file: "src/worker/lifecycle_loop.ts",
    from: '    this.#server.post({ type: "hello" });\n',
    to: "",
    finds: /not over/,
    faults: ["crashWorkerLoop", "cut"],
  },
  {
    name: "a worker obeys calls that a newer one overtook",
    file: "src/worker/desired_state.ts",
    from: "if (!newEpoch && request.seq <= this.#seq) return",
    to: "if (false as boolean) return",
    finds: /began/,
    faults: ["weather"],
  },
  {
    name: "a keeper forgets facts before the controller has stored them",
    file: "src/worker/lifecycle_loop.ts",
    from: "    if (this.#keeperLost !== null) return;\n    for (const fact of facts.started)",
    to: "    this.#link.ack(facts.upTo);\n    for (const fact of facts.started)",
    finds: /began|nobody was told/,
    faults: ["crashWorkerLoop", "cut"],
  },
  {
    name: "a worker starts more than it has cores for",
    file: "src/worker/keeper/room.ts",
    from: "    if (this.#cpuMilli + cpuMilli > all.cpuMilli) return false;\n",
    to: "",
    finds: /of its cores at once/,
    faults: [],
  },
  {
    name: "tasks of a lost worker stay with it",
    file: "src/controller/workers.ts",
    from: "  loseAll(turn, worker);\n",
    to: "",
    finds: /not over/,
    faults: ["loseMachine"],
  },
  {
    name: "a job is done while a task of it still runs",
    file: "src/model/job.ts",
    from: "    if (this.lanes.size > 0) return false;\n",
    to: "",
    finds: /is done, and .* runs|does not fit together|fenced off/,
    faults: [],
  },
  {
    name: "a submit that is repeated makes a second job",
    file: "src/controller/submit.ts",
    from: "  if (mark !== null && isKnown(turn, call)) return;\n",
    to: "",
    finds: /made two jobs|refused as a second/,
    faults: ["cut", "weather"],
  },
  {
    name: "a job begins before the one that it waits for",
    file: "src/controller/submit.ts",
    from: '    waits: live === undefined ? waits : [...waits, [live.generation, "end"]],\n',
    to: "    waits: [],\n",
    finds: /began before the/,
    faults: [],
  },
  {
    name: "more tasks run at once than the job allows",
    file: "src/model/job.ts",
    from: "    return Math.max(0, maxRunning - held);\n",
    to: "    return Math.max(0, maxRunning + 2 - held);\n",
    finds: /run at once, with \d+ allowed/,
    faults: [],
  },
  {
    name: "a stop does not tell of the tasks that it left",
    file: "src/worker/keeper_end.ts",
    from: "        return [await this.#report.promise];\n",
    to:
      '        return [{ ...await this.#report.promise, outcome: "clean" as const, leftovers: [] }];\n',
    finds: /says that its stop was/,
    faults: [],
  },
  {
    name: "a worker that comes back overlooks one attempt that its keeper runs",
    file: "src/worker/desired_state.ts",
    from: "    for (const { generation, index, attempt } of hello.running) {\n",
    to: "    for (const { generation, index, attempt } of hello.running.slice(1)) {\n",
    finds: /began (on \S+ while|although)/,
    faults: ["detachWorker"],
  },
  {
    name: "a keeper gives a port to two attempts",
    file: "src/worker/keeper/port_book.ts",
    from: "      if (this.#taken.has(port)) continue;\n",
    to: "",
    finds: /hold port/,
    faults: [],
  },
  {
    name: "ports that tasks were given are not told",
    file: "src/worker/facts_log.ts",
    from: "    ...(ports === null ? {} : { ports }),\n",
    to: "",
    finds: /had a port \w+, and nobody was told/,
    faults: [],
  },
  {
    name: "endpoints stay in the store when their attempt is over",
    file: "src/controller/endpoints.ts",
    from: "      log.endpoints.set(keyOf(row), [row, false]);\n",
    to: "",
    finds: /outlives it|of its last try/,
    faults: [],
  },
  {
    name: "an endpoint is acknowledged and not stored",
    file: "src/store/writer.ts",
    from: "    this.#applyEndpoints(changes);\n",
    to: "",
    finds: /has not the endpoints/,
    faults: [],
  },
  {
    name: "a bundle is given back when the first of its tasks ends",
    file: "src/worker/start_gate.ts",
    from: 'if (gated?.state !== "ready" || this.#passed.hasGeneration(generation)) return [];',
    to: 'if (gated?.state !== "ready") return [];',
    finds: /is given back on|is not in use/,
    faults: [],
  },
  {
    name: "attempts whose bundle does not come are forgotten",
    file: "src/worker/start_gate.ts",
    from: '      { kind: "refuse", runs, end: { cause: "launch_error", detail } },\n',
    to: "",
    finds: /not over/,
    faults: [],
  },
  {
    name: "a bundle is given back by a loop that crashed while its tasks run",
    file: "src/worker/lifecycle_loop.ts",
    from: "      this.#starts.leave();\n",
    to: "      this.#starts.drop();\n",
    finds: /is given back on/,
    faults: ["crashWorkerLoop"],
  },
  {
    name: "a worker that was not called for long stops its tasks too late",
    file: "src/worker/lease.ts",
    from: "nowMs - this.#renewedAt < this.#lostAfterMs",
    to: "nowMs - this.#renewedAt < 6 * this.#lostAfterMs",
    finds: /stops alone, and was given up while/,
    faults: ["cut"],
  },
  {
    name: "nothing makes room for a higher band",
    file: "src/scheduler/place.ts",
    from: "makeRoom(waiting, { state, held: input.held, behind: input.behind });",
    to: "makeRoom(waiting, { state, held: [], behind: [] });",
    finds: /of a lower band runs on/,
    faults: [],
  },
];
