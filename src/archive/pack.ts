/** A folder's content as one stream of bytes: the same for the same content, whoever packs it. */
import { sha256 } from "./sha256.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { paddingOf, TAR_END, tarBytes, type TarEntry, tarHeader } from "./tar_format.ts";

/** Small things are gathered until there are so many bytes, and files read so many at a time. */
const CHUNK_BYTES = 256 * 1024;

/** How many bytes these entries take when they are packed. */
export function packedBytes(entries: readonly TarEntry[]): number {
  return entries.reduce((sum, entry) => sum + tarBytes(entry), TAR_END.length);
}

/**
 * Packs. What is read must be what was scanned.
 *
 * @param folder the folder that was scanned
 * @throws {IrisError} `unavailable` for a file that cannot be read, or that changed meanwhile
 */
export async function* packFolder(
  folder: string,
  entries: readonly TarEntry[],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const gathered = new Uint8Array(CHUNK_BYTES);
  let size = 0;
  const take = () => {
    const chunk = gathered.slice(0, size);
    size = 0;
    return chunk;
  };
  for (const entry of entries) {
    for await (const bytes of entryBytes(folder, entry)) {
      if (size + bytes.length > CHUNK_BYTES && size > 0) yield take();
      if (bytes.length >= CHUNK_BYTES) {
        yield bytes;
        continue;
      }
      gathered.set(bytes, size);
      size += bytes.length;
    }
  }
  if (size > 0) yield take();
  yield TAR_END.slice();
}

async function* entryBytes(
  folder: string,
  entry: TarEntry,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield tarHeader(entry);
  if (entry.kind !== "file" || entry.bytes === 0) return;
  using file = openFile(`${folder}/${entry.path}`, entry.path);
  let left = entry.bytes;
  while (left > 0) {
    const buffer = new Uint8Array(Math.min(left, CHUNK_BYTES));
    // Files in the page cache are read faster than a promise settles; the others are worth one.
    const read = left > CHUNK_BYTES ? await file.read(buffer) : file.readSync(buffer);
    if (read === null) throw changed(entry.path);
    left -= read;
    yield buffer.subarray(0, read);
  }
  if (file.readSync(new Uint8Array(1)) !== null) throw changed(entry.path);
  yield new Uint8Array(paddingOf(entry.bytes));
}

function openFile(at: string, path: string): Deno.FsFile {
  try {
    return Deno.openSync(at, { read: true });
  } catch (error) {
    const why = error instanceof Deno.errors.PermissionDenied
      ? "permission denied"
      : messageOf(error);
    throw new IrisError("unavailable", `${path} cannot be read (${why})`, { cause: error });
  }
}

function changed(path: string): IrisError {
  return new IrisError("unavailable", `${path} changed while it was read`);
}

/** The SHA-256 of a stream of bytes, in hex. */
export async function hashOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = await sha256();
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}

/**
 * A generator as a stream; nothing is made before it is asked for.
 *
 * @param closed ends it, for whoever reads as well
 */
export function streamOf(
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  closed?: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let onClosed = () => {};
  const done = () => closed?.removeEventListener("abort", onClosed);
  return new ReadableStream({
    start(controller) {
      onClosed = () => {
        // owner: the stream, which ends with it.
        void chunks.return(undefined).catch(() => {});
        controller.error(new IrisError("closing", "It is stopping"));
      };
      closed?.addEventListener("abort", onClosed, { once: true });
    },
    async pull(controller) {
      try {
        const next = await chunks.next();
        if (closed?.aborted) return;
        if (!next.done) return controller.enqueue(next.value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      done();
    },
    async cancel() {
      done();
      await chunks.return(undefined);
    },
  }, { highWaterMark: 0 });
}
