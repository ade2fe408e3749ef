/**
 * A keeper that an earlier worker process left in this folder: found by its lock, asked what it is,
 * and adopted, or ended when it cannot be. Runs in main.
 */
import { type Clock, sleep } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { descendants, isSameProcess } from "../../host/proc.ts";
import { signalProcess } from "../../host/process_group.ts";
import { connectKeeper } from "./keeper_client.ts";
import { type KeeperNote, liveKeeper } from "./keeper_lock.ts";
import { KEEPER_PROTOCOL } from "./protocol.ts";

/** How long a keeper that is asked what it is may take, in ms. */
const HELLO_MS = 3_000;
/** One that does not answer at all hardly acts on SIGTERM: how long it gets, in ms. */
const SILENT_MS = 500;
const LOOK_MS = 10;

/** Where to look, and for how long. */
export interface FindOptions {
  readonly folder: string;
  readonly socket: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What one that cannot be adopted gets to end its tasks in, in ms. */
  readonly graceMs: number;
}

/** A keeper that can be adopted. */
export interface FoundKeeper extends KeeperNote {
  readonly running: number;
}

/**
 * The keeper to adopt, or null when there is none. One that does not answer, or speaks a protocol
 * that this program does not, is ended with its tasks first: two keepers never share a folder.
 */
export async function findKeeper(options: FindOptions): Promise<FoundKeeper | null> {
  const note = liveKeeper(options.folder);
  if (note === null) return null;
  let graceMs = SILENT_MS;
  let why: string;
  try {
    const { socket, clock, signal } = options;
    const link = await connectKeeper(socket, { clock, signal, timeoutMs: HELLO_MS });
    const { protocol = 1, running, version } = link.hello;
    link.close();
    if (protocol === KEEPER_PROTOCOL) return { ...note, version, running: running.length };
    graceMs = options.graceMs;
    why = `speaks protocol ${protocol}, and this program ${KEEPER_PROTOCOL}`;
  } catch (error) {
    options.signal.throwIfAborted();
    why = `does not answer (${messageOf(error)})`;
  }
  logger("keeper").warning(
    "the keeper {pid} of version {version} {why}: it is ended, its tasks too",
    {
      ...{ pid: note.pid, version: note.version, why },
    },
  );
  await endKeeper(note, { clock: options.clock, graceMs });
  return null;
}

/** SIGTERM, and SIGKILL for it and all below it after the grace. */
export async function endKeeper(
  { pid, startTime }: KeeperNote,
  { clock, graceMs }: { clock: Clock; graceMs: number },
): Promise<void> {
  const alive = () => isSameProcess(pid, startTime);
  if (alive()) signalProcess(pid, "SIGTERM");
  for (const giveUp = clock.now() + graceMs; alive() && clock.now() < giveUp;) {
    await sleep(clock, LOOK_MS);
  }
  const below = alive() ? descendants(pid) : [];
  if (alive()) signalProcess(pid, "SIGKILL");
  for (const one of below) signalProcess(one, "SIGKILL");
  for (const giveUp = clock.now() + SILENT_MS; alive() && clock.now() < giveUp;) {
    await sleep(clock, LOOK_MS);
  }
}
