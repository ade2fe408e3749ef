/**
 * The keeper's journal, `<worker folder>/journal`: which attempts began and ended, and up to which
 * fact the controller has stored it. Written by the keeper as it happens, a line each; read by
 * whoever comes after one that was killed. It is not synced: it outlives every process, not the
 * machine, and at another boot nothing that it names is alive.
 *
 * Its size is bounded: what is over and stored is dropped when the file is written anew.
 */
import { logger } from "../../base/log.ts";
import { messageOf } from "../../base/errors.ts";
import { bootId, uptimeTicks } from "../../host/proc.ts";
import type { EndCause } from "../../wire/reconcile.ts";
import { attemptUid } from "../../wire/runs.ts";
import type { EndedFact, StartedFact } from "../keeper_link.ts";

/** Longer than this it is written anew, in bytes. */
const REWRITE_BYTES = 4 * 1024 * 1024;
/** The longest text of what a task handed back that is noted, in characters. */
const MAX_RETURNED_CHARS = 4 * 1024;
const HEAD = "iris-journal 1";

/** An attempt that began and, as far as the journal knows, is not gone. */
export interface NotedAttempt {
  readonly started: StartedFact;
  /** When its leader began, in clock ticks since boot, give or take a second. */
  readonly ticks: number;
}

/** What a journal says. */
export interface JournalContent {
  /** The boot that it was written in. */
  readonly boot: string;
  /** The highest number of a fact. */
  readonly last: number;
  readonly open: readonly NotedAttempt[];
  /** Ends that the controller has not stored, as far as is known. */
  readonly ended: readonly EndedFact[];
  /** When it was last written, in clock ticks since boot. */
  readonly ticks: number;
}

/** Where facts are noted as they happen. */
export interface FactSink {
  started(number: number, fact: StartedFact): void;
  ended(number: number, fact: EndedFact): void;
  acknowledged(upTo: number): void;
}

/** The journal as its keeper writes it. Owns the file. */
export class Journal implements FactSink {
  readonly #path: string;
  readonly #encoder = new TextEncoder();
  /** Lines of what is not over and stored, for when the file is written anew. */
  readonly #open = new Map<string, string>();
  #ended: [number: number, line: string][] = [];
  #file: Deno.FsFile | null = null;
  #size = 0;
  #last: number;
  #acked = 0;
  #pending: string[] = [];
  #fresh: [number: number, fact: StartedFact][] = [];
  #broken = false;

  /**
   * Begins a new journal in the place of an earlier one.
   *
   * @param path of the file
   * @param last the highest number of any fact before
   */
  constructor(path: string, last = 0) {
    this.#path = path;
    this.#last = last;
  }

  started(number: number, fact: StartedFact): void {
    this.#last = number;
    this.#fresh.push([number, fact]);
  }

  ended(number: number, fact: EndedFact): void {
    this.#noteFresh();
    this.#last = number;
    const line = endLine(number, fact);
    this.#open.delete(attemptUid(fact.generation, fact.index, fact.attempt));
    this.#ended.push([number, line]);
    this.#pending.push(line);
  }

  acknowledged(upTo: number): void {
    if (upTo <= this.#acked) return;
    this.#acked = upTo;
    const first = this.#ended.findIndex(([number]) => number > upTo);
    this.#ended = first < 0 ? [] : this.#ended.slice(first);
    this.#pending.push(`= ${upTo}\n`);
  }

  /** Writes what was noted. A full disk is said once, and tried again with the next. */
  flush(): void {
    this.#noteFresh();
    if (this.#pending.length === 0 && this.#file !== null) return;
    const anew = this.#file === null || this.#broken || this.#size > REWRITE_BYTES;
    const text = this.#pending.join("");
    this.#pending = [];
    try {
      if (anew) this.#rewrite();
      else this.#write(text);
      this.#broken = false;
    } catch (error) {
      if (!this.#broken) {
        logger("keeper").error("the journal cannot be written: {why}", { why: messageOf(error) });
      }
      this.#broken = true;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  /** One look at the clock serves all that began since the last: it is right to a second. */
  #noteFresh(): void {
    if (this.#fresh.length === 0) return;
    const ticks = uptimeTicks();
    for (const [number, fact] of this.#fresh.splice(0)) {
      const line = startLine(number, { started: fact, ticks });
      this.#open.set(attemptUid(fact.generation, fact.index, fact.attempt), line);
      this.#pending.push(line);
    }
  }

  #rewrite(): void {
    this.close();
    const file = `${this.#path}.new`;
    this.#file = Deno.openSync(file, { create: true, write: true, truncate: true, mode: 0o600 });
    this.#size = 0;
    const head = `${HEAD} ${bootId()}\n# ${this.#last}\n= ${this.#acked}\n`;
    this.#write([head, ...this.#open.values(), ...this.#ended.map(([, line]) => line)].join(""));
    Deno.renameSync(file, this.#path);
  }

  #write(text: string): void {
    const bytes = this.#encoder.encode(text);
    this.#size += bytes.length;
    for (let at = 0; at < bytes.length;) at += this.#file!.writeSync(bytes.subarray(at));
  }
}

/** Reads a journal; null when there is none that can be understood. */
export function readJournal(path: string): JournalContent | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    return null;
  }
  return parseJournal(text);
}

/** What a journal's text says. The last line may be torn; lines of unknown kinds are passed over. */
export function parseJournal(text: string): JournalContent | null {
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  const boot = lines[0]?.startsWith(`${HEAD} `) ? lines[0].slice(HEAD.length + 1) : null;
  if (boot === null) return null;
  const open = new Map<string, NotedAttempt>();
  let ended: [number: number, fact: EndedFact][] = [];
  let [last, acked, ticks] = [0, 0, 0];
  for (const line of lines) {
    const [kind, ...words] = line.split(" ");
    const number = Number(words[0]);
    if (kind === "=" || kind === "#" || kind === "+" || kind === "-") {
      if (!Number.isSafeInteger(number)) continue;
      last = Math.max(last, number);
    }
    if (kind === "=") acked = Math.max(acked, number);
    if (kind === "+") {
      const noted = startOf(words);
      open.set(uidOf(noted.started), noted);
      ticks = Math.max(ticks, noted.ticks);
    }
    if (kind === "-") {
      const fact = endOf(words);
      open.delete(uidOf(fact));
      ended.push([number, fact]);
    }
  }
  ended = ended.filter(([number]) => number > acked);
  return { boot, last, ticks, open: [...open.values()], ended: ended.map(([, fact]) => fact) };
}

function uidOf(fact: { generation: number; index: number; attempt: number }): string {
  return attemptUid(fact.generation, fact.index, fact.attempt);
}

function startLine(number: number, { started, ticks }: NotedAttempt): string {
  const { generation, index, attempt, pid, atMs, slot, rotation, outFrom, errFrom } = started;
  return `+ ${number} ${pid} ${ticks} ${generation} ${index} ${attempt} ${atMs} ` +
    `${slot} ${rotation} ${outFrom} ${errFrom} ${started.order ?? ""}\n`;
}

function startOf(words: readonly string[]): NotedAttempt {
  const at = (index: number) => Number(words[index]);
  return {
    ticks: at(2),
    started: {
      ...{ pid: at(1), generation: at(3), index: at(4), attempt: at(5), atMs: at(6) },
      ...{ slot: at(7), rotation: at(8), outFrom: at(9), errFrom: at(10) },
      ...(words[11] === undefined || words[11] === "" ? {} : { order: at(11) }),
    },
  };
}

/** What a task handed back is noted as well when it is not long; the rest is told or lost. */
function endLine(number: number, fact: EndedFact): string {
  const { generation, index, attempt, cause, code, atMs, outTo, errTo, forced } = fact;
  return `- ${number} ${generation} ${index} ${attempt} ${cause} ${code} ${atMs} ` +
    `${outTo} ${errTo} ${forced ? 1 : 0}${returnedWord(fact.returned)}\n`;
}

function returnedWord(returned = ""): string {
  return returned === "" || returned.length > MAX_RETURNED_CHARS
    ? ""
    : ` ${JSON.stringify(returned)}`;
}

function endOf(words: readonly string[]): EndedFact {
  const at = (index: number) => Number(words[index]);
  return {
    ...{ generation: at(1), index: at(2), attempt: at(3), cause: words[4] as EndCause },
    ...{ code: at(5), atMs: at(6), outTo: at(7), errTo: at(8), forced: at(9) === 1 },
    ...{ detail: null, leftovers: [] },
    ...(words.length > 10 ? { returned: JSON.parse(words.slice(10).join(" ")) as string } : {}),
  };
}
