/** `job run --bundle`: what a folder is packed into, and how it gets to the controller. */
import { IgnoreRules } from "../../archive/ignore_rules.ts";
import { hashOf, packedBytes, packFolder, streamOf } from "../../archive/pack.ts";
import { scanFolder } from "../../archive/scan_folder.ts";
import type { TarEntry } from "../../archive/tar_format.ts";
import { sleep, systemClock } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import { type BundleOffer, MAX_ARCHIVE_ENTRIES } from "../../wire/shipping.ts";
import type { CliContext } from "../context.ts";

/** How often a bundle is sent that did not arrive, and the pause after the first try, in ms. */
const TRIES = 4;
const PAUSE_MS = 500;

/** A folder that is ready to be sent. */
export interface PackedBundle extends BundleOffer {
  readonly folder: string;
  /** Its archive, from the beginning; what changed since it was packed is refused. */
  readonly stream: () => ReadableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * Looks through a folder and hashes what it would be packed into.
 *
 * @throws {IrisError} `usage` in one line that names the file which cannot be sent
 */
export async function packBundle(folder: string): Promise<PackedBundle> {
  const refuse = (why: string, cause?: unknown) =>
    new IrisError("usage", `Invalid --bundle: ${folder} ${why}`, { field: "--bundle", cause });
  const real = realFolder(folder, refuse);
  const entries = scanFolder(real, {
    rules: IgnoreRules.of(real),
    onProblem: (path, why) => {
      throw refuse(path === "" ? why : `holds what cannot be sent: ${path} ${why}`);
    },
    onCount: (count) => {
      if (count <= MAX_ARCHIVE_ENTRIES) return;
      throw refuse(
        `holds more than ${MAX_ARCHIVE_ENTRIES} files: leave some out by a .irisignore`,
      );
    },
  });
  const pack = () => packFolder(real, entries as readonly TarEntry[]);
  try {
    const hash = await hashOf(pack());
    return { folder, hash, bytes: packedBytes(entries), stream: () => streamOf(pack()) };
  } catch (error) {
    throw refuse(`holds what cannot be sent: ${messageOf(error)}`, error);
  }
}

function realFolder(folder: string, refuse: (why: string, cause?: unknown) => IrisError): string {
  let isFolder: boolean;
  try {
    isFolder = Deno.statSync(folder).isDirectory;
  } catch (error) {
    const gone = error instanceof Deno.errors.NotFound;
    throw refuse(gone ? "does not exist" : `cannot be read: ${messageOf(error)}`, error);
  }
  if (!isFolder) throw refuse("is no folder");
  return Deno.realPathSync(folder);
}

/** What a submit says of it. */
export function bundleField(bundle: PackedBundle | null): { bundle?: string } {
  return bundle === null ? {} : { bundle: bundle.hash };
}

/**
 * Sends a bundle, unless there is none or the controller has it. What is cut on the way is sent
 * again.
 *
 * @returns false when the signal ended it
 * @throws {IrisError} why the controller does not take it
 */
export async function sendBundle(
  context: CliContext,
  client: IrisClient,
  options: { bundle: PackedBundle | null; quiet: boolean; json: boolean; signal?: AbortSignal },
): Promise<boolean> {
  const { bundle, signal = new AbortController().signal } = options;
  if (bundle === null) return true;
  const quiet = options.quiet || options.json;
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      const { hash, bytes } = bundle;
      if ((await client.offerBundle({ hash, bytes })).here) return true;
      await sendShown(context, client, { bundle, quiet, signal });
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const again = error instanceof IrisError &&
        (error.code === "unavailable" || error.code === "closing");
      if (!again || tries === TRIES) throw sendFailure(bundle, error);
      await sleep(systemClock, PAUSE_MS * tries, signal);
    }
  }
  return false;
}

function sendFailure({ folder }: PackedBundle, error: unknown): unknown {
  const field = error instanceof IrisError ? error.field : undefined;
  if (field !== "bundle") return error;
  const { code, message } = error as IrisError;
  const changed = code === "invalid" ? ` (did ${folder} change while it was sent?)` : "";
  return new IrisError(code, `Invalid --bundle: ${message}${changed}`, {
    field: "--bundle",
    cause: error,
  });
}

/** Sends it, with a bar where there is a terminal. */
async function sendShown(
  context: CliContext,
  client: IrisClient,
  of: { bundle: PackedBundle; quiet: boolean; signal: AbortSignal },
): Promise<void> {
  const { hash, bytes, folder, stream } = of.bundle;
  if (of.quiet || context.progress === undefined) {
    await client.sendBundle(hash, stream(), of.signal);
    return;
  }
  const { ProgressLine } = await import("../output/progress_line.ts");
  const line = new ProgressLine(context, {
    max: Math.max(1, bytes),
    label: ({ value }) =>
      `sending ${folder}: ${Math.floor(100 * value / Math.max(1, bytes))} % of ` +
      `${Math.ceil(bytes / 1e6)} MB`,
  });
  let sent = 0;
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      controller.enqueue(chunk);
      line.set(sent += chunk.length);
    },
  });
  try {
    await client.sendBundle(hash, stream().pipeThrough(counted), of.signal);
  } finally {
    await line.end();
  }
}
