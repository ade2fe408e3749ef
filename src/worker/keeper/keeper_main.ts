/**
 * The keeper process: listens on its Unix socket for its worker, drives the keeper's core, and
 * watches its owner: through stdin the one that started it, through the connection one that adopted
 * it later. Owns the folder's lock, the socket, the journal, and by the core every task.
 */
import { sleep, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { randomHex } from "../../base/ids.ts";
import { Cgroup } from "../../host/cgroup.ts";
import type { RunAs } from "../../host/launch_step.ts";
import { noLimits, openLimitCgroups } from "../../host/limit_cgroups.ts";
import { FileCalls } from "../../host/file_calls.ts";
import { pickSpawner } from "../../host/pick_spawner.ts";
import type { StopCause } from "../../lifecycle/part.ts";
import type { KeeperHello } from "../keeper_link.ts";
import { removeReturns } from "../returns.ts";
import { sweepNoted } from "./cleanup_note.ts";
import { DEFAULT_LOG_LIMIT_BYTES } from "../log_limits.ts";
import { detachReport } from "./end_report.ts";
import { Holds } from "./holds.ts";
import { inheritFacts } from "./inherit.ts";
import { Journal, readJournal } from "./journal.ts";
import { Keeper } from "./keeper.ts";
import { type KeeperLock, lockKeeper } from "./keeper_lock.ts";
import { type FromKeeper, KEEPER_PROTOCOL, Lines, type ToKeeper } from "./protocol.ts";
import { openSideDoor } from "./side_door.ts";

/** A batch of facts leaves this long after its first, in ms. */
const BATCH_MS = 2;
/** Of the time for an end, kept for what comes after SIGKILL: this share, and at least this. */
const KILL_SHARE = 0.15;
const KILL_MIN_MS = 700;

/** How long the sweep of what an earlier keeper's attempts ran in may take, in ms. */
const SWEEP_MS = 10_000;
/** With neither owner, worker nor task a keeper waits so long for a worker to fetch its facts, in ms. */
const KEEP_MS = 600_000;
/** And with nothing to tell either, no longer than this. */
const KEEP_SETTLED_MS = 1_000;
const KEEP_LOOK_MS = 100;
/** How long an earlier keeper of the folder, which is just leaving, is waited for, in ms. */
const LOCK_MS = 3_000;
const LOCK_LOOK_MS = 20;

/** How a keeper is run. */
export interface KeeperMainOptions {
  readonly cluster: string;
  readonly worker: string;
  readonly folder: string;
  readonly socket: string;
  readonly version: string;
  /** What to do when the owner is gone: end everything, or keep it for the next one. */
  readonly ownerGone: "end" | "keep";
  /** How long a keeper with nothing to keep waits for a next worker, in ms. */
  readonly keepMs?: number;
  /** The time for an end that nobody asked for, in ms. */
  readonly graceMs: number;
  readonly spawner: "auto" | "plain";
  /** The name of the cgroup to enter, or null for none. */
  readonly cgroup: string | null;
  /** Whose rights tasks get; the keeper's own when null or left out. */
  readonly runAs?: RunAs | null;
  /** How much output of an attempt and stream is kept, in bytes. */
  readonly logLimitBytes?: number;
  /** How much output of all attempts that run is kept, in bytes. */
  readonly logSpaceBytes?: number;
}

/** Runs a keeper until it is told to end. Resolves to its exit code. */
export async function runKeeper(options: KeeperMainOptions): Promise<number> {
  let lock: KeeperLock;
  try {
    lock = await lockFolder(options);
  } catch (error) {
    await Deno.stdout.write(new TextEncoder().encode(`${messageOf(error)}\n`));
    return 1;
  }
  try {
    await sweepEarlier(options);
    return await new KeeperMain(options).run();
  } finally {
    lock.release();
  }
}

/** Before anything is started: whatever is there is an earlier keeper's. */
async function sweepEarlier({ cluster, worker, folder }: KeeperMainOptions): Promise<void> {
  removeReturns(folder);
  const uid = `${cluster}.${worker}`;
  for (const line of await sweepNoted({ folder, uid, clock: systemClock, timeoutMs: SWEEP_MS })) {
    logger("keeper").warning("an earlier keeper left this behind: {line}", { line });
  }
}

async function lockFolder({ folder, version }: KeeperMainOptions): Promise<KeeperLock> {
  for (const giveUp = systemClock.now() + LOCK_MS;;) {
    try {
      return lockKeeper(folder, version);
    } catch (error) {
      if (systemClock.now() > giveUp) throw error;
      await sleep(systemClock, LOCK_LOOK_MS);
    }
  }
}

class KeeperMain {
  readonly #options: KeeperMainOptions;
  readonly #keeper: Keeper;
  readonly #spawner;
  readonly #journal: Journal;
  readonly #cgroup: Cgroup | null;
  readonly #holds: Holds;
  readonly #files = FileCalls.open();
  readonly #over = Promise.withResolvers<void>();
  #client: Lines<ToKeeper, FromKeeper> | null = null;
  /** True once the owner is gone and what runs is kept for the next one. */
  #alone = false;
  #batching = false;
  /** Aborted when this process ends: no wait may keep it. */
  readonly #leaving = new AbortController();
  /** The end that was asked for last, while and after it is carried out. */
  #ending: Promise<void> | null = null;

  constructor(options: KeeperMainOptions) {
    this.#options = options;
    const path = `${options.folder}/journal`;
    const before = readJournal(path);
    this.#journal = new Journal(path, before?.last);
    this.#spawner = pickSpawner(options.spawner);
    const cgroup = options.cgroup === null ? null : Cgroup.open(options.cgroup);
    this.#cgroup = cgroup?.enter() === true ? cgroup : null;
    // Where the keeper cannot go its tasks cannot either.
    if (this.#cgroup === null) cgroup?.remove();
    this.#holds = holdsFor(options);
    this.#keeper = new Keeper({
      ...options,
      holds: this.#holds,
      spawner: this.#spawner,
      cgroup: this.#cgroup,
      clock: systemClock,
      facts: inheritFacts(before, {
        ...{ folder: options.folder, sink: this.#journal, wallMs: systemClock.wall() },
      }),
      note: () => this.#journal.flush(),
      files: this.#files,
      logLimitBytes: options.logLimitBytes ?? DEFAULT_LOG_LIMIT_BYTES,
      logSpaceBytes: options.logSpaceBytes ?? Infinity,
      onFacts: () => this.#batch(),
    });
  }

  async run(): Promise<number> {
    const { socket } = this.#options;
    this.#journal.flush();
    try {
      Deno.removeSync(socket);
    } catch {
      // None was left.
    }
    const listener = Deno.listen({ transport: "unix", path: socket });
    const door = openSideDoor(this.#keeper, {
      folder: this.#options.folder,
      clock: systemClock,
      spawner: this.#spawner,
    });
    // owner: this run; the first ends with the listener, the second with stdin, as the process does.
    void this.#accept(listener);
    // owner: as above.
    void this.#watchOwner();
    const onTerminate = () => this.#terminate();
    Deno.addSignalListener("SIGTERM", onTerminate);
    try {
      await Deno.stdout.write(
        new TextEncoder().encode(`ready ${Deno.pid} ${this.#cgroup?.path ?? "-"}\n`),
      );
    } catch {
      // The owner is gone already: the end of stdin says so as well, and is what counts.
    }
    await this.#over.promise;
    this.#leaving.abort();
    // Nothing may keep this process: not an owner that is still there, nor a worker that is linked.
    try {
      Deno.stdin.close();
    } catch {
      // Closed by its reader.
    }
    await this.#client?.flushed();
    this.#client?.close();
    listener.close();
    Deno.removeSignalListener("SIGTERM", onTerminate);
    await door.close();
    try {
      Deno.removeSync(socket);
    } catch {
      // Gone with its folder.
    }
    this.#spawner.close();
    this.#keeper.dispose();
    this.#cgroup?.leave();
    this.#files?.close();
    this.#journal.close();
    return 0;
  }

  async #accept(listener: Deno.Listener): Promise<void> {
    try {
      for await (const connection of listener) {
        // owner: the connection, which is closed by the next one or by the end of the process.
        void this.#serve(connection);
      }
    } catch {
      // Closed.
    }
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    // One that is leaving is no keeper for a next worker.
    if (this.#alone && this.#ending !== null) return connection.close();
    this.#client?.close();
    const client = new Lines<ToKeeper, FromKeeper>(connection);
    this.#keeper.takeFacts();
    this.#keeper.open();
    this.#client = client;
    client.send({ type: "hello", hello: this.#hello() });
    this.#send();
    try {
      await client.read((message) => this.#receive(client, message));
    } catch (error) {
      logger("keeper").error("dropped a worker that spoke strangely: {why}", {
        why: messageOf(error),
      });
    }
    client.close();
    if (this.#client !== client) return;
    this.#client = null;
    if (!this.#alone) return;
    // As the end of stdin for the owner that started it.
    if (this.#ending === null) this.#keeper.close();
    else await this.#leave();
  }

  #hello(): KeeperHello {
    return {
      pid: Deno.pid,
      version: this.#options.version,
      protocol: KEEPER_PROTOCOL,
      running: this.#keeper.running,
      queued: this.#keeper.queued,
      facts: this.#keeper.allFacts(),
      spawner: this.#spawner.kind,
      cgroup: this.#cgroup?.path ?? null,
      limits: this.#holds.limits,
    };
  }

  #receive(client: Lines<ToKeeper, FromKeeper>, message: ToKeeper): void {
    switch (message.type) {
      case "capacity":
        return this.#keeper.capacity(message.capacity);
      case "spec":
        return this.#keeper.spec(message.spec);
      case "forget":
        return this.#keeper.forget(message.generation);
      case "start":
        return this.#keeper.start(message.runs);
      case "unqueue":
        return this.#keeper.unqueue(message.runs);
      case "refuse":
        return this.#keeper.refuse(message.runs, message.end);
      case "stop":
        return this.#keeper.stop(message.runs, message.reason, message.graceMs);
      case "ack":
        return this.#keeper.ack(message.upTo);
      case "end":
        if (message.cause === "detach") return this.#detach(client, message.remainingMs);
        this.#ending = this.#end(message, client);
        return;
    }
  }

  /** What waits is given back, what runs goes on, whoever comes next. */
  #detach(client: Lines<ToKeeper, FromKeeper>, allowedMs: number): void {
    this.#keeper.close();
    this.#send();
    const running = this.#keeper.running.length;
    client.send({ type: "ended", report: detachReport(running, allowedMs) });
  }

  /** SIGTERM: the word of an owner that has no other way, or of whoever looks after the host. */
  #terminate(): void {
    this.#ending ??= this.#end({ remainingMs: this.#options.graceMs, cause: "shutdown" }, null);
    // owner: this run, which it ends.
    void this.#leave();
  }

  async #leave(): Promise<void> {
    await this.#ending;
    this.#over.resolve();
  }

  async #end(
    of: { remainingMs: number; cause: StopCause },
    client: Lines<ToKeeper, FromKeeper> | null,
  ): Promise<void> {
    const now = systemClock.now();
    const reserve = Math.min(of.remainingMs, Math.max(KILL_MIN_MS, of.remainingMs * KILL_SHARE));
    const report = await this.#keeper.end({
      cause: of.cause,
      killAtMs: of.cause === "kill" ? now : now + of.remainingMs - reserve,
      untilMs: now + of.remainingMs,
    });
    this.#send();
    client?.send({ type: "ended", report });
    await client?.flushed();
    if (client === null || this.#options.ownerGone === "end") this.#overSoon();
  }

  /** The owner closes stdin, by intent or by dying: what it asked for last is still carried out. */
  async #watchOwner(): Promise<void> {
    const buffer = new Uint8Array(64);
    try {
      while (await Deno.stdin.read(buffer) !== null);
    } catch {
      // As good as closed.
    }
    if (this.#ending === null) {
      if (this.#options.ownerGone === "keep") return await this.#keep();
      this.#ending = this.#end({ remainingMs: this.#options.graceMs, cause: "crash" }, null);
    }
    await this.#leave();
  }

  /** Without an owner: starts nothing, keeps what runs, and goes when nobody has come for long. */
  async #keep(): Promise<void> {
    const { keepMs = KEEP_MS } = this.#options;
    this.#alone = true;
    if (this.#client === null) this.#keeper.close();
    let aloneMs = 0;
    const dueMs = () => this.#keeper.settled ? Math.min(keepMs, KEEP_SETTLED_MS) : keepMs;
    while (aloneMs < dueMs()) {
      if (!await sleep(systemClock, KEEP_LOOK_MS, this.#leaving.signal)) return;
      const alone = this.#client === null && this.#keeper.running.length === 0;
      aloneMs = alone ? aloneMs + KEEP_LOOK_MS : 0;
    }
    this.#over.resolve();
  }

  #overSoon(): void {
    // A worker that is still there says when it has heard everything: it closes stdin.
    if (this.#client === null) this.#over.resolve();
  }

  #batch(): void {
    if (this.#batching || this.#client === null) return;
    this.#batching = true;
    systemClock.setTimer(BATCH_MS, () => {
      this.#batching = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#client === null) return;
    for (let facts = this.#keeper.takeFacts(); facts !== null; facts = this.#keeper.takeFacts()) {
      this.#client.send({ type: "facts", facts });
    }
  }
}

function holdsFor({ folder, cgroup, runAs = null }: KeeperMainOptions): Holds {
  const cgroups = cgroup === null ? null : openLimitCgroups({ name: cgroup, root: Deno.ppid });
  return new Holds({
    ...{ folder, cgroups, runAs },
    otherwise: noLimits("cgroups are switched off"),
    secret: randomHex(8),
  });
}
