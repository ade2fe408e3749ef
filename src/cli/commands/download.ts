/** `job download`: what tasks wrote into their output folders, into a folder for each of them. */
import { exists } from "../../base/there.ts";
import { diskError } from "../../archive/disk_error.ts";
import { readBody } from "../../archive/read_body.ts";
import { removeFolder, Unpacker } from "../../archive/unpack.ts";
import { systemClock } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { randomHex } from "../../base/ids.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import { type JobOutputs, MAX_ARCHIVE_ENTRIES, type OutputView } from "../../wire/shipping.ts";
import { type CliContext, note } from "../context.ts";
import { INTERRUPTED } from "./submit_job.ts";

/** Tasks fetched at the same time. */
const PARALLEL = 4;

/** What of which job goes where. */
export interface DownloadOptions {
  /** The job's full name. */
  readonly name: string;
  readonly task: number | undefined;
  readonly to: string | undefined;
  readonly force: boolean;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

interface Missing {
  readonly task: number;
  readonly why: string;
}

/** Fetches what there is, and says what there is not. The exit code is 1 when something is missing. */
export async function downloadOutputs(
  context: CliContext,
  client: IrisClient,
  options: DownloadOptions,
): Promise<number> {
  const { name, task, force, json, signal } = options;
  const to = options.to ?? name.split("/").at(-1) ?? "outputs";
  const listed = narrowed(await client.outputs(name), task);
  const { outputs } = listed;
  if (!force) refuseExisting(to, outputs);
  const missing: Missing[] = [...listed.gaps];
  const got: OutputView[] = [];
  const left = [...outputs];
  const fetcher = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      if (signal.aborted) return;
      try {
        await fetchOne(client, { ...options, to, view: next });
        got.push(next);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof IrisError && error.code === "storage_full") throw error;
        missing.push({ task: next.task, why: messageOf(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, fetcher));
  if (signal.aborted) return INTERRUPTED;
  const missingCount = listed.gapCount + missing.length - listed.gaps.length;
  if (json) context.out(JSON.stringify({ to, tasks: got, missing, missingCount }));
  else say(context, { to, got, missing, missingCount });
  return missingCount === 0 ? 0 : 1;
}

/** Only of one task, when one is named. */
function narrowed(all: JobOutputs, task: number | undefined): JobOutputs {
  if (task === undefined) return all;
  const outputs = all.outputs.filter((one) => one.task === task);
  const gaps = all.gaps.filter((one) => one.task === task);
  const none = outputs.length + gaps.length === 0;
  const why = "it wrote nothing, or there is no such task";
  return {
    outputs,
    gaps: none ? [{ task, why }] : gaps,
    gapCount: none ? 1 : gaps.length,
  };
}

function refuseExisting(to: string, outputs: readonly OutputView[]): void {
  for (const { task } of outputs) {
    const path = `${to}/${task}`;
    if (!exists(path)) continue;
    throw new IrisError("usage", `${path} exists: choose another --to, or give --force`, {
      field: "--to",
    });
  }
}

/** Unpacked beside its place, and moved there when it is whole. */
async function fetchOne(
  client: IrisClient,
  of: DownloadOptions & { to: string; view: OutputView },
): Promise<void> {
  const { to, view, name, signal } = of;
  const path = `${to}/${view.task}`;
  const part = `${path}.${randomHex(4)}.part`;
  const body = await client.output(name, view.task, signal);
  try {
    Deno.mkdirSync(part, { recursive: true });
    const limits = { bytes: view.bytes, entries: MAX_ARCHIVE_ENTRIES };
    const unpacker = new Unpacker(part, { limits, readOnly: false });
    try {
      for await (const chunk of readBody(body, { clock: systemClock, ends: [] })) {
        unpacker.push(chunk);
      }
      unpacker.end();
    } finally {
      unpacker.close();
    }
    if (of.force) removeFolder(path);
    Deno.renameSync(part, path);
  } catch (error) {
    removeFolder(part);
    throw diskError(path, error);
  }
}

function say(
  context: CliContext,
  of: {
    to: string;
    got: readonly OutputView[];
    missing: readonly Missing[];
    missingCount: number;
  },
): void {
  const { to, got, missing, missingCount } = of;
  for (const { task, note } of got) if (note !== null) context.err(`task ${task}: ${note}`);
  for (const { task, why } of missing) context.err(`task ${task}: missing: ${why}`);
  const unnamed = missingCount - missing.length;
  if (unnamed > 0) context.err(`and ${unnamed} more tasks of which something is missing`);
  const files = got.reduce((sum, one) => sum + one.files, 0);
  const bytes = got.reduce((sum, one) => sum + one.bytes, 0);
  note(context, `${to}: ${files} files of ${got.length} tasks, ${bytes} bytes`);
}
