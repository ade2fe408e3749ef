/**
 * One VM: the use of one host. A loop that connects, does what is next, and watches; whatever goes
 * wrong ends the connection, and the next one goes on from what it finds on the host. Owns the
 * connection and the loop. What it started on the host lives on when this ends, and is proved gone
 * before anybody is told so.
 *
 * Nothing of the VM is on the host before a shell there has taken over (`#touched`): until then a
 * failure is the end of it at once.
 */
import { backoffMs } from "../../base/backoff.ts";
import { messageOf, plainLine } from "../../base/errors.ts";
import type { VmEvent } from "../managed_vm.ts";
import type { WorkerLaunch } from "../worker_launch.ts";
import {
  cleanHost,
  copyProgram,
  cutLog,
  type HostFacts,
  type Look,
  lookAt,
  probe,
  programOf,
  signalWorker,
  startWorker,
  takenPorts,
  takeOver,
} from "./host_steps.ts";
import { exitTrap, LOG_MAX, LOG_STEP, preludeScript } from "./remote_scripts.ts";
import { type Forward, hostOfKey, sshCommand } from "./ssh_command.ts";
import { HostProblem } from "./ssh_problem.ts";
import { SshSession } from "./ssh_session.ts";
import type { SshWorld } from "./ssh_world.ts";
import { startWords } from "./start_words.ts";
import { TextLines } from "./text_lines.ts";
import { forwardsOf, pickPorts } from "./tunnel.ts";
import type { HostUse } from "./use_book.ts";
import { Wake } from "./wake.ts";

/** Of what the ssh client says to one connection so many lines are told. */
const TOLD_LINES = 20;
/** While it is waited that a worker is up, or has ended: between two looks, in ms. */
const SOON_MS = 200;
/** So long before its time is over a worker is asked once more, which means at once, in ms. */
const HURRY_MS = 1_000;
/** What a SIGKILL may take, in ms. */
const KILL_MS = 2_000;
/** A clock that is off by more than this is worth a word, in s. */
const CLOCK_SECONDS = 30;
/** A taken port is tried so often before others are chosen. */
const PORT_TRIES = 3;
/** A worker that is up says where. */
const UP_LINE = /^worker \S+ https?:/;

/** Who hears of a VM. */
export interface HostVmSink {
  phase(text: string): void;
  log(line: string): void;
  booted(): void;
  /** What is noted of it has changed. */
  note(use: HostUse): void;
  /** It is proved gone. Called once, last. */
  over(event: VmEvent): void;
}

/** See the head of this file. */
export class HostVm {
  readonly #world: SshWorld;
  readonly #sink: HostVmSink;
  readonly #wake = new Wake();
  #use: HostUse;
  #running: Promise<void> = Promise.resolve();
  /** True once something of it may be on the host. */
  #touched: boolean;
  /** True once its worker was started. */
  #started: boolean;
  /** True once its worker was up. */
  #up: boolean;
  #booted = false;
  #restart = false;
  /** How much of the worker's log is known, in bytes; null when nothing, and the end will do. */
  #offset: number | null;
  readonly #logLines: TextLines;
  /** It shall go: until when its worker may take, and what is told then. */
  #go: { endAtMs: number; readonly verdict: VmEvent } | null = null;
  #asked = false;
  #left = false;
  /** The current connection, from before it is there; ends with it. */
  #cycle: AbortController | null = null;
  /** True while a wish is seen by itself, and need not end the connection. */
  #steady = false;
  #phase = "";
  #problem = "";
  /** What its client said last: it says the same again at every try. */
  #said = "";
  #tries = 0;
  #portTries = 0;
  #lastLine = "";
  #reloads: PromiseWithResolvers<void>[] = [];

  /** @param of.found whether it is on its host already: started there, perhaps, or not at all */
  constructor(
    world: SshWorld,
    of: { use: HostUse; found: "started" | "perhaps" | "no"; sink: HostVmSink },
  ) {
    const { use, found, sink } = of;
    this.#world = world;
    this.#sink = sink;
    this.#use = use;
    this.#touched = found !== "no";
    this.#started = this.#up = found === "started";
    this.#offset = found === "no" ? 0 : null;
    this.#logLines = new TextLines((line) => this.#onWorkerLine(line));
  }

  get use(): HostUse {
    return this.#use;
  }

  /** True once it shall go. */
  get going(): boolean {
    return this.#go !== null;
  }

  /** What it is doing, for people. */
  get detail(): string {
    return `${this.#use.host}, ${this.#phase}`;
  }

  /** Resolves when it is over, or has left. */
  get running(): Promise<void> {
    return this.#running;
  }

  /** Begins. */
  start(): void {
    this.#running = this.#live().finally(() => {
      for (const one of this.#reloads) one.reject(new HostProblem("the VM is gone"));
    });
  }

  /** Ends the connection; what is on the host stays. */
  leave(): void {
    this.#left = true;
    this.#cycle?.abort();
    this.#wake.call();
  }

  /** It shall go; a later call may only hurry it. */
  stop({ stopMs, reason }: { stopMs: number; reason: string }): void {
    const endAtMs = this.#world.clock.now() + stopMs;
    if (this.#go === null) this.#goAway({ endAtMs, verdict: { name: "gone", reason } });
    else this.#go.endAtMs = Math.min(this.#go.endAtMs, endAtMs);
    this.#wake.call();
  }

  /** Starts its worker anew, with the newest program. @throws when it is gone before that */
  async reload(): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#reloads.push(done);
    this.#restart = true;
    this.#wake.call();
    await done.promise;
  }

  #goAway(go: { endAtMs: number; verdict: VmEvent }): void {
    this.#go = go;
    if (!this.#steady) this.#cycle?.abort();
  }

  async #live(): Promise<void> {
    const { clock, random, timing } = this.#world;
    while (!this.#left) {
      if (this.#go !== null && !this.#touched) return this.#sink.over(this.#go.verdict);
      const cycle = this.#cycle = new AbortController();
      try {
        const event = await this.#connected(cycle.signal);
        if (event !== null) return this.#sink.over(event);
        continue;
      } catch (error) {
        if (cycle.signal.aborted) continue;
        this.#failed(error);
      }
      if (this.#go !== null && !this.#touched) continue;
      const ms = backoffMs(this.#tries++, { ...timing.backoff }, random);
      await this.#wake.within(clock, ms);
    }
  }

  /** One connection. @returns how the VM ended; null when it has not */
  async #connected(signal: AbortSignal): Promise<VmEvent | null> {
    this.#steady = false;
    const launch = this.#go === null ? await this.#launch(signal) : null;
    const session = await this.#connect(launch, signal);
    try {
      return await this.#drive(session, launch);
    } finally {
      await session.close();
    }
  }

  async #launch(signal: AbortSignal): Promise<WorkerLaunch> {
    this.#enter("waiting for the controller");
    return await this.#world.launch(signal);
  }

  async #connect(launch: WorkerLaunch | null, signal: AbortSignal): Promise<SshSession> {
    this.#enter(this.#started ? "reconnecting" : "connecting");
    const { ports } = this.#use;
    if (launch === null || (ports === null && !launch.isLoopback)) {
      return await this.#open([], signal);
    }
    if (ports === null) this.#pickPorts(launch);
    try {
      const forwards = forwardsOf(this.#use.ports!, launch.controllerUrls);
      const session = await this.#open(forwards, signal);
      this.#portTries = 0;
      return session;
    } catch (error) {
      if (!(error instanceof HostProblem) || !error.portTaken) throw error;
      await this.#freePorts(launch, signal);
      throw error;
    }
  }

  /** A port is taken: by what is left of an earlier connection, which then goes, or by others. */
  async #freePorts(launch: WorkerLaunch, signal: AbortSignal): Promise<void> {
    if (this.#touched) {
      const session = await this.#open([], signal);
      try {
        await takeOver(session, this.#world.timing.phaseMs);
      } finally {
        await session.close();
      }
      if (++this.#portTries < PORT_TRIES) return;
      this.#restart = true;
    }
    this.#portTries = 0;
    this.#pickPorts(launch);
  }

  #pickPorts({ controllerUrls }: WorkerLaunch): void {
    const { random, isPortFree } = this.#world;
    const ports = pickPorts(controllerUrls.length, { random, isFree: isPortFree });
    this.#use = { ...this.#use, ports };
    this.#sink.note(this.#use);
  }

  async #open(forwards: readonly Forward[], signal: AbortSignal): Promise<SshSession> {
    const { config, cluster, clock, clients, timing } = this.#world;
    const { host, vm } = this.#use;
    let told = 0;
    const session = await SshSession.open({
      command: sshCommand(config, { host: hostOfKey(host), forwards }),
      connectTimeoutMs: config.connectTimeoutMs,
      shellMs: timing.phaseMs,
      ...{ clock, clients, signal },
      onSaid: (line) => {
        if (told++ >= TOLD_LINES || line === this.#said) return;
        this.#said = line;
        this.#log(line);
      },
    });
    const prelude = preludeScript({ folder: config.folder, cluster, vm });
    const trap = exitTrap(forwards.length > 0);
    await session.say(`${prelude}\n${trap}`, { timeoutMs: timing.phaseMs, stays: true });
    return session;
  }

  async #drive(session: SshSession, launch: WorkerLaunch | null): Promise<VmEvent | null> {
    const { phaseMs } = this.#world.timing;
    if (this.#touched) await takeOver(session, phaseMs);
    if (launch === null) return await this.#end(session);
    this.#enter("probing");
    const facts = await probe(session, phaseMs);
    if (!this.#booted) this.#sink.booted();
    this.#booted = true;
    if (facts.running && !this.#restart) this.#started = true;
    else if (this.#started && !this.#restart) {
      return await this.#ended(session, await this.#look(session));
    } else await this.#begin(session, { facts, launch });
    return await this.#watch(session);
  }

  /** Gets the worker started, for the first time or anew. */
  async #begin(
    session: SshSession,
    { facts, launch }: { facts: HostFacts; launch: WorkerLaunch },
  ): Promise<void> {
    const { programs, programFor, clock, timing } = this.#world;
    const { phaseMs } = timing;
    const skew = Math.round(facts.clockSeconds - clock.wall() / 1_000);
    if (Math.abs(skew) > CLOCK_SECONDS) {
      this.#log(`its clock is ${Math.abs(skew)} s ${skew > 0 ? "ahead" : "behind"}`);
    }
    const program = await programOf(facts, programFor);
    this.#enter("copying");
    const path = await copyProgram(session, {
      ...{ program, facts, version: launch.version, book: programs, timeoutMs: phaseMs },
      onCopy: (bytes) => this.#log(`copying ${bytes} bytes, version ${launch.version}`),
    });
    this.#enter("starting");
    // Its keeper goes on with the tasks, and the next worker adopts it: as after any crash.
    if (facts.running) await this.#kill(session);
    await this.#checkPorts(session, launch);
    if (!this.#touched) {
      this.#touched = true;
      await takeOver(session, phaseMs);
    }
    const { cluster, group } = this.#world;
    const words = startWords(launch, { cluster, group, use: this.#use, programPath: path });
    this.#offset = 0;
    await startWorker(session, { words, timeoutMs: phaseMs });
    this.#started = true;
    this.#restart = false;
    for (const one of this.#reloads.splice(0)) one.resolve();
  }

  async #checkPorts(session: SshSession, launch: WorkerLaunch): Promise<void> {
    const { ports } = this.#use;
    if (ports === null) return;
    const { phaseMs } = this.#world.timing;
    const taken = await takenPorts(session, { ports: [ports.worker], timeoutMs: phaseMs });
    if (taken === 0) return;
    this.#pickPorts(launch);
    throw new HostProblem(`port ${ports.worker} of the host is taken, another is chosen`);
  }

  async #watch(session: SshSession): Promise<VmEvent | null> {
    this.#steady = true;
    this.#tries = 0;
    this.#problem = "";
    if (this.#up) this.#enter("running");
    while (!this.#left && !this.#restart) {
      if (this.#go !== null) return await this.#end(session);
      const look = await this.#look(session);
      if (look.state !== "alive") return await this.#ended(session, look);
      const { clock, timing } = this.#world;
      await this.#wake.within(clock, this.#up ? timing.lookMs : Math.min(SOON_MS, timing.lookMs));
    }
    return null;
  }

  async #look(session: SshSession): Promise<Look> {
    const { phaseMs: timeoutMs } = this.#world.timing;
    const known = this.#offset ?? Number.MAX_SAFE_INTEGER - 1;
    const look = await lookAt(session, { offset: known, timeoutMs });
    if (this.#offset === null) this.#offset = Math.max(0, look.logBytes - LOG_STEP);
    else if (look.logBytes < this.#offset) this.#offset = 0;
    else {
      this.#offset += Math.min(LOG_STEP, look.logBytes - this.#offset);
      this.#logLines.pushText(look.text);
    }
    const isLong = this.#offset > LOG_MAX && this.#offset === look.logBytes;
    if (isLong && await cutLog(session, { offset: this.#offset, timeoutMs })) this.#offset = 0;
    return look;
  }

  /** The worker ended by itself. */
  async #ended(session: SshSession, look: Look): Promise<VmEvent> {
    this.#logLines.end();
    const why = look.state === "rebooted" ? "the host was rebooted" : "the worker ended";
    const last = this.#lastLine === "" ? "" : `: ${this.#lastLine}`;
    const reason = `${this.#use.host}: ${this.#phase}: ${why}${last}`;
    const name = this.#up ? "gone" : "failed";
    this.#go ??= { endAtMs: this.#world.clock.now(), verdict: { name, reason } };
    return await this.#end(session);
  }

  #onWorkerLine(line: string): void {
    if (line.trim() === "") return;
    this.#lastLine = plainLine(line);
    this.#sink.log(this.#lastLine);
    if (!UP_LINE.test(line)) return;
    this.#up = true;
    if (this.#go === null) this.#enter("running");
  }

  /** Ends the worker and everything of it, and proves that. */
  async #end(session: SshSession): Promise<VmEvent> {
    this.#steady = true;
    this.#enter("stopping");
    await this.#endWorker(session, () => this.#go!.endAtMs);
    const { cleanMs } = this.#world.timing;
    for (const line of await cleanHost(session, cleanMs)) this.#log(line);
    return this.#go!.verdict;
  }

  /** SIGTERM, once more when its time is nearly over, and SIGKILL after that. */
  async #endWorker(session: SshSession, endAtMs: () => number): Promise<void> {
    const { clock, timing } = this.#world;
    const leftMs = () => endAtMs() - clock.now();
    const ask = () => signalWorker(session, { signal: "TERM", timeoutMs: timing.phaseMs });
    let alive = true;
    let hurried = leftMs() < 2 * HURRY_MS;
    if (leftMs() > 0 && !this.#asked) alive = await ask();
    this.#asked = true;
    while (alive && leftMs() > 0) {
      if (!hurried && leftMs() <= HURRY_MS) {
        hurried = true;
        await ask();
      }
      await this.#wake.within(clock, Math.min(SOON_MS, leftMs()));
      alive = (await this.#look(session)).state === "alive";
    }
    if (alive) await this.#kill(session);
  }

  async #kill(session: SshSession): Promise<void> {
    const { clock, timing } = this.#world;
    if (!await signalWorker(session, { signal: "KILL", timeoutMs: timing.phaseMs })) return;
    for (const giveUp = clock.now() + KILL_MS; clock.now() < giveUp;) {
      if ((await this.#look(session)).state !== "alive") return;
      await this.#wake.within(clock, SOON_MS);
    }
  }

  #failed(error: unknown): void {
    const { host } = this.#use;
    const line = plainLine(`${host}: ${this.#phase}: ${messageOf(error)}`);
    if (line !== this.#problem) this.#sink.log(line);
    this.#problem = line;
    this.#sink.phase(`${this.#phase} (${plainLine(messageOf(error))})`);
    if (this.#go !== null || this.#started) return;
    const lasting = error instanceof HostProblem && error.lasting;
    if (!lasting && this.#tries + 1 < this.#world.timing.tries) return;
    this.#go = { endAtMs: this.#world.clock.now(), verdict: { name: "failed", reason: line } };
  }

  #log(line: string): void {
    this.#sink.log(`${this.#use.host}: ${line}`);
  }

  #enter(phase: string): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#sink.phase(phase);
  }
}
