/** What a command gets from the process it runs in: output, environment, and a controller. */
import type { IrisClient } from "../client/iris_client.ts";

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
}

const encoder = new TextEncoder();

/** The context of the real process. */
export const processContext: CliContext = {
  env: (name) => Deno.env.get(name),
  out: (line) => writeAll(Deno.stdout, encoder.encode(`${line}\n`)),
  err: (line) => writeAll(Deno.stderr, encoder.encode(`${line}\n`)),
  write: (stream, bytes) => writeAll(stream === "stdout" ? Deno.stdout : Deno.stderr, bytes),
};

function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(to.writeSync(rest));
  } catch (error) {
    // The reader went away (`iris ... | head`): there is nobody left to tell.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Where the flags of a command say the controller is. */
export interface TargetFlags {
  readonly controller?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
}

/** As `connectTo` of `connect.ts`, which is loaded when a command needs a controller. */
export async function connect(context: CliContext, target: TargetFlags): Promise<IrisClient> {
  const { connectTo } = await import("./connect.ts");
  return connectTo(context, target);
}

/** Whose jobs short names mean: `IRIS_USER`, in a task the user of its job, else the login name. */
export function userName(context: CliContext): string {
  const name = context.env("IRIS_USER") ?? context.env("IRIS_JOB")?.split("/")[1] ??
    context.env("USER") ?? context.env("LOGNAME") ??
    loginName() ?? "user";
  return name.replaceAll(/[^\w.-]/g, "_") || "user";
}

/** A job's full name: a short name means one's own job. */
export function fullJobName(context: CliContext, name: string): string {
  return name.startsWith("/") ? name : `/${userName(context)}/${name}`;
}

/** The name of this process's user in the system's list of users. */
function loginName(): string | undefined {
  try {
    const users = Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"));
    return users.find(([, , uid]) => uid === String(Deno.uid()))?.[0];
  } catch {
    return undefined;
  }
}
