/**
 * The real program as a child process, in a world of its own: home, state and temp folders that a
 * test made. Knows how to find what a run left behind anywhere on the machine.
 */
import { fromFileUrl } from "../../src/base/file_url.ts";
import { IrisClient } from "../../src/client/iris_client.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));

/** So much of a command line is shown, in characters: where the program lies may be a long path. */
const MAX_SHOWN = 1_000;

/** A folder, names and a tag that no other run on this machine has. */
export interface World {
  readonly dir: string;
  /** Eight digits that stand in the command line of everything a test's tasks start. */
  readonly tag: string;
  readonly stateDir: string;
  readonly env: Record<string, string>;
  /** Processes alive now that belong to this world, one line each. Zombies do not count. */
  survivors(): string[];
  /** What lies in the world's temp folder. */
  tempEntries(): string[];
  /** Ends what is left and removes the folder. */
  [Symbol.dispose](): void;
}

/** Makes a world. Its folder stands in the environment of all Iris processes started in it. */
export function makeWorld(): World {
  const dir = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "iris-world-" }));
  const tag = String(crypto.getRandomValues(new Uint32Array(1))[0]).padStart(10, "7").slice(0, 8);
  for (const name of ["home", "tmp", "state"]) Deno.mkdirSync(`${dir}/${name}`);
  const env: Record<string, string> = {
    HOME: `${dir}/home`,
    XDG_STATE_HOME: `${dir}/home/state`,
    TMPDIR: `${dir}/tmp`,
    PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
    DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
  };
  return {
    dir,
    tag,
    stateDir: `${dir}/state`,
    env,
    survivors: () => survivors(dir, tag),
    tempEntries: () => [...Deno.readDirSync(`${dir}/tmp`)].map((entry) => entry.name),
    [Symbol.dispose]() {
      for (const line of survivors(dir, tag)) {
        try {
          Deno.kill(Number(line.split(" ")[0]), "SIGKILL");
        } catch {
          // Gone in the meantime.
        }
      }
      removeTree(dir);
    },
  };
}

function removeTree(dir: string): void {
  // A process that was just killed may still be writing its last bytes.
  for (let tries = 0; tries < 5; tries++) {
    try {
      return Deno.removeSync(dir, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
    }
  }
}

function survivors(dir: string, tag: string): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(entry.name) || Number(entry.name) === Deno.pid) continue;
    const command = readProc(entry.name, "cmdline");
    const isOurs = command.includes(`.${tag}`) || command.includes(dir) ||
      readProc(entry.name, "environ").includes(dir);
    if (!isOurs || stateOf(entry.name) === "Z") continue;
    found.push(
      `${entry.name} ${stateOf(entry.name)} ${command.replaceAll("\0", " ").slice(0, MAX_SHOWN)}`,
    );
  }
  return found;
}

function readProc(pid: string, file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    return "";
  }
}

function stateOf(pid: string): string {
  const stat = readProc(pid, "stat");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) || "Z";
}

/** How to start the program. */
export interface StartOptions {
  /** `direct` by deno; `pty` under a real pseudo-terminal; `npx` under one and through npx. */
  readonly by?: "direct" | "pty" | "npx";
  readonly env?: Record<string, string>;
  /** The main module of another copy of the program. */
  readonly main?: string;
  /** The single file, in place of the sources. */
  readonly program?: string;
  /** Where to run it, when not here: what comes in front of a command (`Host.command`). */
  readonly on?: { readonly command: readonly string[] };
}

/** A running program, its output so far, and its end. */
export interface IrisProcess {
  readonly pid: number;
  /** What came on stdout and stderr so far (one stream under a terminal). */
  output(): { stdout: string; stderr: string };
  /** Resolves when the text stands in the output; rejects when the program ends or time runs out. */
  printed(pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray>;
  /** Types into the terminal. */
  type(text: string): Promise<void>;
  /** Resolves at the end. */
  readonly ended: Promise<{ code: number; atMs: number }>;
}

/** Starts `iris ARGS` in a world. */
export function startIris(world: World, args: string[], options: StartOptions = {}): IrisProcess {
  const by = options.by ?? "direct";
  const [command, ...rest] = [
    ...options.on?.command ?? [],
    ...(options.program === undefined
      ? commandFor(by, args, options.main)
      : [options.program, ...args]),
  ];
  const child = new Deno.Command(command ?? "", {
    args: rest,
    cwd: by === "npx" ? fromFileUrl(new URL("../../", import.meta.url)) : world.dir,
    env: { ...world.env, ...options.env },
    clearEnv: true,
    stdin: by === "direct" ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const seen = { stdout: "", stderr: "" };
  const watchers = new Set<() => void>();
  const pump = async (name: "stdout" | "stderr") => {
    for await (const text of child[name].pipeThrough(new TextDecoderStream())) {
      seen[name] += text;
      for (const watcher of watchers) watcher();
    }
  };
  const writer = by === "direct" ? null : child.stdin.getWriter();
  const ended = (async () => {
    const pumps = Promise.all([pump("stdout"), pump("stderr")]);
    const { code } = await child.status;
    const atMs = performance.now();
    await writer?.close().catch(() => {});
    await pumps;
    return { code, atMs };
  })();
  return {
    pid: child.pid,
    output: () => ({ ...seen }),
    printed: (pattern, timeoutMs) => waitForText(pattern, timeoutMs, { seen, watchers, ended }),
    // A program that has ended by itself does not read any more.
    type: async (text) => await writer?.write(new TextEncoder().encode(text)).catch(() => {}),
    ended,
  };
}

function commandFor(by: "direct" | "pty" | "npx", args: string[], main = MAIN): string[] {
  const direct = [Deno.execPath(), "run", "-A", "--quiet", main, ...args];
  if (by === "direct") return direct;
  const inner = by === "pty" ? direct : ["npx", "-y", "deno@2.9.6", "task", "iris", ...args];
  const quoted = inner.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return ["script", "-qefc", `exec ${quoted}`, "/dev/null"];
}

async function waitForText(
  pattern: RegExp,
  timeoutMs: number,
  from: {
    seen: { stdout: string; stderr: string };
    watchers: Set<() => void>;
    ended: Promise<{ code: number }>;
  },
): Promise<RegExpMatchArray> {
  const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
  const look = () => {
    const match = `${from.seen.stdout}\n${from.seen.stderr}`.match(pattern);
    if (match !== null) resolve(match);
  };
  const fail = (why: string) =>
    reject(new Error(`${why} before ${pattern}: ${from.seen.stdout}${from.seen.stderr}`));
  const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
  from.watchers.add(look);
  from.ended.then(({ code }) => {
    look();
    fail(`The program ended with ${code}`);
  });
  look();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    from.watchers.delete(look);
  }
}

/** A client for the cluster whose address a program printed. */
export async function clientOf(world: World, process: IrisProcess): Promise<IrisClient> {
  const [, url] = await process.printed(/(http:\/\/127\.0\.0\.1:\d+)/, 20_000);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  return new IrisClient({ url: url ?? "", token });
}
