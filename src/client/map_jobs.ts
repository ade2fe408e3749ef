/**
 * One function, or one command, over many inputs: jobs of a bounded size, a bounded number of them at a
 * time, results in the order of the inputs.
 */
import { IrisError } from "../base/errors.ts";
import { type EndedTask, type JobHandle, resultsOf, type Until } from "./job_handle.ts";
import type { JobRequest } from "./job_request.ts";

/** A function of a module that is called with each input. */
export interface MapModule {
  /** Its path on the workers, or a `file:` URL; below the bundle when there is one. */
  readonly file: string | URL;
  /** The name under which it exports the function; `main` when left out. */
  readonly export?: string;
}

/** What is done with each input, and by what kind of tasks: the rest is as in a submit. */
export interface MapOptions extends Omit<JobRequest, "module" | "entries" | "replicas" | "result"> {
  /** Called with an input: what it returns is the result. */
  readonly module?: MapModule;
  /** Run for an input, which is in `IRIS_ENTRY`; the result is what it writes to `IRIS_RESULT_FILE`. */
  readonly argv?: readonly string[];
  /** The most inputs of one job. Default 1,000. */
  readonly batch?: number;
  /** How many jobs there are at a time. Default 2. */
  readonly ahead?: number;
  /** Ends it: what still runs is stopped. */
  readonly signal?: AbortSignal | undefined;
}

/** Submits a job. */
export interface Submitter {
  submit(request: JobRequest, until: Until): Promise<JobHandle>;
}

/** Inputs of a job together, in characters of JSON: a body may have 8 MiB. */
const BATCH_CHARS = 2 * 1024 * 1024;
const BATCH = 1_000;
const AHEAD = 2;

type Inputs<I> = Iterable<I> | AsyncIterable<I>;

interface Batch<I> {
  readonly inputs: readonly I[];
  readonly job: JobHandle;
}

/** What each input's task hands back. @throws {TaskError} at the first that failed */
export function mapResults<R, I>(
  iris: Submitter,
  inputs: Inputs<I>,
  options: MapOptions,
): AsyncGenerator<R> {
  return resultsOf<R>(mapped(iris, inputs, { ...options, goOn: false }));
}

/** How each input's task ended. */
export function mapEnds<I>(
  iris: Submitter,
  inputs: Inputs<I>,
  options: MapOptions,
): AsyncGenerator<EndedTask & { readonly input: I }> {
  return mapped(iris, inputs, { ...options, goOn: true });
}

type Running = MapOptions & {
  /** Whether tasks go on when another one failed. */
  readonly goOn: boolean;
};

async function* mapped<I>(
  iris: Submitter,
  inputs: Inputs<I>,
  options: Running,
): AsyncGenerator<EndedTask & { readonly input: I }> {
  const { signal, ahead = AHEAD } = options;
  const until = signal === undefined ? {} : { signal };
  const batches = batchesOf(inputs, atLeastOne(options.batch ?? BATCH, "batch"));
  const running: Batch<I>[] = [];
  let taken = 0;
  let number = 0;
  const fill = async () => {
    while (running.length < atLeastOne(ahead, "ahead")) {
      signal?.throwIfAborted();
      const { value: batch, done } = await batches.next();
      if (done) return;
      const job = await iris.submit(requestOf(batch, options, ++number), until);
      running.push({ inputs: batch.inputs, job });
    }
  };
  try {
    for (await fill(); running.length > 0; await fill()) {
      const { inputs: those, job } = running[0]!;
      for await (const task of job.ends(until)) {
        yield { ...task, index: taken++, input: those[task.index]! };
      }
      // Its last process is gone before it counts as over.
      await job.wait(until);
      running.shift();
    }
  } finally {
    await batches.return?.(undefined);
    await stopAll(running.map(({ job }) => job));
  }
}

/** Jobs that nobody waits for any more: asked to end all at once, and waited for. */
async function stopAll(jobs: readonly JobHandle[]): Promise<void> {
  const stops = await Promise.allSettled(
    jobs.map((job) => job.wait({ signal: AbortSignal.abort(STOPPED), stopOnAbort: true })),
  );
  for (const stop of stops) {
    if (stop.status === "rejected" && stop.reason !== STOPPED) throw stop.reason;
  }
}

const STOPPED = new Error("stopped");

interface Part<I> {
  readonly inputs: readonly I[];
  readonly entries: readonly string[];
}

async function* batchesOf<I>(inputs: Inputs<I>, size: number): AsyncGenerator<Part<I>, undefined> {
  let part: { inputs: I[]; entries: string[]; chars: number } = {
    ...{ inputs: [], entries: [], chars: 0 },
  };
  let count = 0;
  for await (const input of inputs) {
    const entry = JSON.stringify(input);
    if (entry === undefined) {
      const message = `input ${count} is no JSON: it is a ${typeof input}`;
      throw new IrisError("invalid", message, { field: `inputs.${count}` });
    }
    count++;
    part.inputs.push(input);
    part.entries.push(entry);
    part.chars += entry.length;
    if (part.inputs.length < size && part.chars < BATCH_CHARS) continue;
    yield part;
    part = { inputs: [], entries: [], chars: 0 };
  }
  if (part.inputs.length > 0) yield part;
  return undefined;
}

function requestOf<I>(part: Part<I>, options: Running, number: number): JobRequest {
  const { module, argv, batch: _, ahead: _ahead, signal: _signal, goOn, name, ...rest } = options;
  if ((module === undefined) === (argv === undefined)) {
    throw new IrisError("usage", "map needs either module or argv", { field: "module" });
  }
  // A command has no use for quotes around a text.
  const entries = module !== undefined
    ? part.entries
    : part.entries.map((entry, i) => typeof part.inputs[i] === "string" ? part.inputs[i] : entry);
  const named = name === undefined || name === null || number === 1 ? name : `${name}-${number}`;
  return {
    ...rest,
    ...(named === undefined ? {} : { name: named }),
    ...(goOn ? { maxTaskFailures: part.inputs.length } : {}),
    ...(module === undefined ? { argv: argv ?? [], result: true } : {
      module: { file: pathOf(module.file), export: module.export ?? "main", entryAsArgs: true },
    }),
    entries,
  };
}

function pathOf(file: string | URL): string {
  const text = String(file);
  if (!text.startsWith("file:")) return text;
  return decodeURIComponent(new URL(text).pathname);
}

function atLeastOne(count: number, field: string): number {
  if (Number.isInteger(count) && count >= 1) return count;
  throw new IrisError("usage", `${field} must be a whole number from 1: it is ${count}`, { field });
}
