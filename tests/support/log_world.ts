/** A worker's folder of logs, with whatever reads and keeps it; what is opened is closed after. */
import { systemClock } from "../../src/base/clock.ts";
import { FileCalls } from "../../src/host/file_calls.ts";
import type { LogChunk } from "../../src/wire/api.ts";
import type { LogsRequest, LogsResponse } from "../../src/wire/logs.ts";
import { TimesWriter } from "../../src/worker/keeper/times_writer.ts";
import { LogJournal } from "../../src/worker/log_journal.ts";
import { LogReader } from "../../src/worker/log_reader.ts";
import { LogStore } from "../../src/worker/log_store.ts";

/** The folder, and what is made over it. */
export class LogWorld implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "iris-logs-" });
  readonly logs = `${this.folder}/logs`;
  readonly calls = FileCalls.open()!;
  readonly #closers: (() => void)[] = [];

  constructor() {
    Deno.mkdirSync(this.logs);
  }

  /** An index with a journal, as a worker process has it. */
  store(): { store: LogStore; journal: LogJournal } {
    const journal = new LogJournal(`${this.folder}/log-index`);
    this.#closers.push(() => journal.close());
    return { store: new LogStore({ journal }), journal };
  }

  reader(store: LogStore): LogReader {
    const { folder, calls } = this;
    const reader = new LogReader({ folder, store, calls, clock: systemClock });
    this.#closers.push(() => reader.close());
    return reader;
  }

  /** Appends to a slot file, and notes when. @returns where it now ends */
  write(name: string, data: Uint8Array | string, atMs?: number): number {
    const path = `${this.logs}/${name}`;
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    Deno.writeFileSync(path, bytes, { append: true });
    const { size } = Deno.statSync(path);
    if (atMs !== undefined) {
      const times = new TimesWriter();
      times.note(path, size, atMs);
      times.close();
    }
    return size;
  }

  /** What a slot file takes on the disk, in bytes; 0 when it is gone. */
  diskBytes(name: string): number {
    try {
      return (Deno.statSync(`${this.logs}/${name}`).blocks ?? 0) * 512;
    } catch {
      return 0;
    }
  }

  [Symbol.dispose](): void {
    for (const close of this.#closers.reverse()) close();
    this.calls.close();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** One answer. */
export function ask(reader: LogReader, more: Partial<LogsRequest> = {}): Promise<LogsResponse> {
  const all = { generation: 1, task: null, cursor: null, maxBytes: 1 << 20, waitMs: 0 };
  return reader.read({ ...all, ...more }, new AbortController().signal);
}

/** `task.stream@offset:text`, with `$` for an end. */
export function show(chunks: readonly LogChunk[]): string[] {
  return chunks.map(({ task, stream, offset, data, end }) => {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(data));
    return `${task}.${stream}@${offset}:${text}${end ? "$" : ""}`;
  });
}
