/** What a command gets from the process it runs in: output, environment, and a controller. */
import { saidAsRecord } from "../base/log.ts";
import type { IrisClient } from "../client/iris_client.ts";
import type { TargetFlags } from "./target.ts";

export type { TargetFlags } from "./target.ts";
export { fullJobName, userName } from "./user_name.ts";

/** The outside of a command, so that tests can stand in for it. */
export interface CliContext {
  /** One variable of the environment. */
  env(name: string): string | undefined;
  /** Writes a line to stdout. */
  out(line: string): void;
  /** Writes a line to stderr. */
  err(line: string): void;
  /** Writes bytes as they are. */
  write(stream: "stdout" | "stderr", bytes: Uint8Array): void;
  /** True where only errors are wanted, and of lists the names. */
  readonly quiet?: boolean;
  /** How many columns of a table fit on stdout; without it any number. */
  readonly columns?: number | undefined;
  /** Whether stdout takes colours. */
  readonly color?: boolean;
  /** How many columns stderr has, where it is a terminal that can show how far something is. */
  readonly progress?: number | undefined;
}

const encoder = new TextEncoder();

/** The context of the real process. */
export const processContext: CliContext = {
  env: (name) => Deno.env.get(name),
  out: (line) => writeAll(Deno.stdout, encoder.encode(`${line}\n`)),
  err: (line) => {
    if (!saidAsRecord(line)) writeAll(Deno.stderr, encoder.encode(`${line}\n`));
  },
  write: (stream, bytes) => writeAll(stream === "stdout" ? Deno.stdout : Deno.stderr, bytes),
  get columns() {
    return Deno.stdout.isTerminal() ? terminalColumns() : undefined;
  },
  get color() {
    return takesColors((name) => Deno.env.get(name), Deno.stdout.isTerminal());
  },
  get progress() {
    return Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb"
      ? terminalColumns()
      : undefined;
  },
};

/** A line that is no error and no answer: for whoever watches. */
export function note(context: CliContext, line: string): void {
  if (context.quiet !== true) context.err(line);
}

/**
 * Whether output takes colours: `NO_COLOR` forbids them, `CLICOLOR_FORCE` asks for them, and a
 * terminal has them unless it is a dumb one or `CLICOLOR=0`.
 */
export function takesColors(
  env: (name: string) => string | undefined,
  terminal: boolean,
): boolean {
  if ((env("NO_COLOR") ?? "") !== "") return false;
  if ((env("CLICOLOR_FORCE") ?? "0") !== "0") return true;
  return terminal && env("TERM") !== "dumb" && env("CLICOLOR") !== "0";
}

/** As `connectTo` of `connect.ts`, which is loaded when a command needs a controller. */
export async function connect(context: CliContext, target: TargetFlags): Promise<IrisClient> {
  const { connectTo } = await import("./connect.ts");
  return await connectTo(context, target);
}

function terminalColumns(): number {
  try {
    return Math.max(20, Deno.consoleSize().columns);
  } catch {
    return 80;
  }
}

function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(to.writeSync(rest));
  } catch (error) {
    // The reader went away (`iris ... | head`): there is nobody left to tell.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
