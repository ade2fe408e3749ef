/** A real local cluster, and commands against it that run in this process: quick, and the real code. */
import { run } from "../../src/cli/main.ts";
import type { CliContext } from "../../src/cli/context.ts";
import type { IrisClient } from "../../src/client/iris_client.ts";
import { clientOf, type IrisProcess, makeWorld, startIris, type World } from "./iris_process.ts";
import { within } from "./until.ts";

/** How a command went. */
export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs commands in a world, with an environment of their own. */
export async function runCli(
  args: readonly string[],
  options: { env: Readonly<Record<string, string>>; screen?: Partial<CliContext> },
): Promise<CliResult> {
  let out = "";
  let err = "";
  const decoder = new TextDecoder();
  const code = await run(args, {
    env: (name) => options.env[name],
    out: (line) => out += `${line}\n`,
    err: (line) => err += `${line}\n`,
    write: (stream, bytes) => {
      const text = decoder.decode(bytes);
      if (stream === "stdout") out += text;
      else err += text;
    },
    ...options.screen,
  });
  return { code, out, err };
}

/** See the head of this file. The user is `ada`. */
export class CliCluster implements AsyncDisposable {
  readonly world: World;
  readonly process: IrisProcess;
  readonly client: IrisClient;
  readonly env: Record<string, string>;

  private constructor(world: World, process: IrisProcess, client: IrisClient) {
    this.world = world;
    this.process = process;
    this.client = client;
    this.env = { ...world.env, IRIS_USER: "ada" };
  }

  /** Starts the cluster. @param flags more of `--mode=local` */
  static async start(...flags: string[]): Promise<CliCluster> {
    const world = makeWorld();
    const args = ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`, ...flags];
    const process = startIris(world, args);
    const client = await clientOf(world, process);
    await until(async () => (await client.workers()).length > 0, "its worker is there");
    return new CliCluster(world, process, client);
  }

  /** Runs a command. */
  cli(...args: string[]): Promise<CliResult> {
    return runCli(args, { env: this.env });
  }

  /** Runs a command, and gives its JSON back; each line of several. */
  async json(...args: string[]): Promise<unknown[]> {
    const { out, err, code } = await this.cli(...args, "--json");
    try {
      return out.trimEnd().split("\n").map((line) => JSON.parse(line));
    } catch (error) {
      throw new Error(`${args.join(" ")} ended with ${code}: ${out}${err}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      Deno.kill(this.process.pid, "SIGTERM");
    } catch {
      // It is gone.
    }
    await this.process.ended;
    this.world[Symbol.dispose]();
  }
}

/** The longest that anything takes, in ms. */
const LIMIT_MS = 20_000;

/** Looks until it is so, with a deadline. */
export const until = within(LIMIT_MS);
