/** Slurm's commands on this host, one at a time and each with a deadline. Owns nothing that lasts. */
import type { Clock } from "../../base/clock.ts";
import { IrisError, plainLine } from "../../base/errors.ts";
import { type CommandEnd, runCommand } from "../../host/run_command.ts";
import {
  ACCOUNT_FORMAT,
  type JobEnd,
  readAccounted,
  readShownJob,
  UNKNOWN_END,
} from "./slurm_end.ts";
import { isOutage, lastWords, type Refusal, refusalOf } from "./slurm_problem.ts";
import { QUEUE_FORMAT, type QueueJob, readQueue } from "./slurm_queue.ts";

/** A command may take so long, in ms: its own patience with a controller that is away is less. */
const COMMAND_MS = 60_000;
const MAX_LIST_CHARS = 100_000;
/** The commands without which nothing works. */
const COMMANDS = ["sbatch", "squeue", "scontrol", "scancel"] as const;
/** What of our environment a command gets: others change what it prints, or are nobody's business. */
const PASSED = [
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LD_LIBRARY_PATH", "SLURM_CONF"],
  ...["SLURM_CONF_SERVER", "SLURM_JWT"],
];

/** Where commands are and what they run with. */
export interface ClientOptions {
  readonly commandFolder: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** The user whose jobs these are. */
  readonly uid: number;
  /** `sbatch` may take so long, in ms. */
  readonly submitMs: number;
}

/** See the head of this file. */
export class SlurmClient {
  readonly #options: ClientOptions;
  readonly #env: Record<string, string>;

  /** @throws {IrisError} `invalid` naming a command that is not there */
  constructor(options: ClientOptions) {
    this.#options = options;
    this.#env = { LC_ALL: "C" };
    for (const name of PASSED) {
      const value = options.env[name];
      if (value !== undefined) this.#env[name] = value;
    }
    const { commandFolder } = options;
    const folders = commandFolder === null ? (options.env.PATH ?? "").split(":") : [commandFolder];
    const missing = COMMANDS.find((name) => !folders.some((folder) => isFile(`${folder}/${name}`)));
    if (missing !== undefined) {
      const where = commandFolder ?? "the PATH";
      const message = `The provider slurm needs Slurm's commands: there is no ${missing} in ` +
        `${where}; name their folder in commandFolder`;
      throw new IrisError("invalid", message, { field: "commandFolder" });
    }
  }

  /**
   * Jobs of this user, those that ended a short while ago too.
   *
   * @param names only those with such a name; null for all
   * @throws {IrisError} `unavailable` when that cannot be known now
   */
  async queue(names: readonly string[] | null, signal: AbortSignal): Promise<QueueJob[]> {
    const list = names?.join(",") ?? "";
    const end = await this.#run("squeue", [
      ...["--noheader", "--states=all", `--user=${this.#options.uid}`, `--format=${QUEUE_FORMAT}`],
      // A word of a command line is no longer than 128 KiB: then all are asked for.
      ...(list === "" || list.length > MAX_LIST_CHARS ? [] : [`--name=${list}`]),
    ], { signal });
    if (end.code === 0) return readJobs(end.stdout);
    const words = end.code === null && end.stderr.trim() === ""
      ? "squeue did not answer in time"
      : lastWords(end.stderr);
    throw new IrisError("unavailable", `Slurm cannot be asked: ${words}`);
  }

  /** Submits a job. @returns its id, or what is wrong */
  async submit(args: readonly string[], signal: AbortSignal): Promise<string | Refusal> {
    const end = await this.#run("sbatch", args, {
      signal,
      timeoutMs: this.#options.submitMs,
    });
    // With `--parsable` it prints the id, and the cluster where there are several.
    const id = end.stdout.match(/^(\d+)(;[\w.-]+)?\s*$/m)?.[1];
    if (end.code === 0 && id !== undefined) return id;
    if (end.code !== 0) return refusalOf(end);
    const shown = plainLine(end.stdout.trim(), 80);
    return { kind: "unanswered", message: `sbatch printed no job id, but ${shown}` };
  }

  /** Signals the steps of jobs, not their scripts. @returns false when it did not reach Slurm */
  async signalSteps(ids: readonly string[], name: string, signal: AbortSignal): Promise<boolean> {
    return !isOutage(await this.#run("scancel", [`--signal=${name}`, ...ids], { signal }));
  }

  /** SIGKILLs all that jobs have. @returns false when it did not reach Slurm */
  async kill(ids: readonly string[], signal: AbortSignal): Promise<boolean> {
    return !isOutage(await this.#run("scancel", ["--full", "--signal=KILL", ...ids], { signal }));
  }

  /** Cancels jobs: SIGTERM, and SIGKILL after Slurm's own `KillWait`. @returns as above */
  async cancel(ids: readonly string[], signal: AbortSignal): Promise<boolean> {
    return !isOutage(await this.#run("scancel", ids, { signal }));
  }

  /**
   * How a job is or ended, as exactly as Slurm still knows.
   *
   * @returns null when it cannot be asked now
   */
  async show(
    { id, name }: { id: string; name: string },
    signal: AbortSignal,
  ): Promise<JobEnd | null> {
    const shown = await this.#run("scontrol", ["show", "job", "--oneliner", id], { signal });
    if (shown.code === 0) return readShownJob(shown.stdout, name);
    if (!/Invalid job id/i.test(shown.stderr)) return null;
    const args = ["--noheader", "--parsable2", "--allocations", `--jobs=${id}`];
    // Many have no accounting, or not the command.
    const accounted = await this.#run("sacct", [...args, `--format=${ACCOUNT_FORMAT}`], { signal });
    return (accounted.code === 0 ? readAccounted(accounted.stdout, name) : null) ?? UNKNOWN_END;
  }

  #run(
    name: string,
    args: readonly string[],
    { signal, timeoutMs = COMMAND_MS }: { signal: AbortSignal; timeoutMs?: number },
  ): Promise<CommandEnd> {
    const { commandFolder, clock } = this.#options;
    const path = commandFolder === null ? name : `${commandFolder}/${name}`;
    return runCommand([path, ...args], {
      ...{ env: this.#env, clock, timeoutMs, signal, apart: true },
    });
  }
}

function readJobs(text: string): QueueJob[] {
  try {
    return readQueue(text);
  } catch (error) {
    throw new IrisError("unavailable", `Slurm cannot be asked: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
