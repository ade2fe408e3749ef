/**
 * A single file whose Deno is a short shell script: everything that happens before the program, as it
 * happens with the real one, in milliseconds.
 */
import { denoPart, writeSelfExtracting } from "../../scripts/compile/self_extracting.ts";
import { makeWorld } from "./iris_process.ts";

/** Says what it was started with, then does what its last argument says. */
const DENO = `#!/bin/sh
if [ "$1" = --version ]; then exit 0; fi
while [ "\${1##*/}" != main.js ]; do shift; done
read -r main <"$1"
shift
for last in "$@"; do :; done
eval "$last"
`;

/** How it is run. */
export interface RunOptions {
  /** In front of the file: a shell, another namespace. */
  readonly by?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly cwd?: string;
  /** Called with its pid when it runs. */
  readonly started?: (pid: number) => void;
}

/** What a start did. */
export interface Ended {
  readonly code: number;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** A folder with such a file, and homes for it. */
export class PretendedFile implements Disposable {
  readonly #world = makeWorld();
  readonly dir = this.#world.dir;
  readonly file = `${this.dir}/iris`;
  /** The first place that it unpacks to. */
  readonly cache = `${this.dir}/cache/iris`;
  /** The last one. */
  readonly shared = `${this.dir}/tmp/iris-${Deno.uid()}`;

  /** @param text what the main module says, which tells versions apart */
  async write(text = "main", of: { deno?: string; version?: string; extra?: Uint8Array } = {}) {
    const program = `${this.dir}/program`;
    Deno.mkdirSync(`${program}/src/isolates`, { recursive: true });
    Deno.writeTextFileSync(`${program}/main.js`, `${text}\n`);
    Deno.writeTextFileSync(`${program}/src/isolates/one.js`, "one\n");
    if (of.extra !== undefined) Deno.writeFileSync(`${program}/extra.bin`, of.extra);
    const deno = await denoPart(new TextEncoder().encode(of.deno ?? DENO));
    await writeSelfExtracting(this.file, {
      version: of.version ?? "1.2.3",
      commit: "abc",
      target: "test-target",
      ...{ deno, program },
    });
    Deno.removeSync(program, { recursive: true });
    return this;
  }

  /** Starts the file in a session of its own and waits for its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const [command = "", ...rest] = [...options.by ?? [], this.file, ...args];
    const child = new Deno.Command(command, {
      args: rest,
      cwd: options.cwd ?? this.dir,
      env: { ...this.env, ...options.env },
      clearEnv: true,
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    options.started?.(child.pid);
    const writer = child.stdin.getWriter();
    // A program that does not read its stdin may be gone before this.
    await writer.write(new TextEncoder().encode(options.stdin ?? "")).catch(() => {});
    await writer.close().catch(() => {});
    const { code, signal, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, signal, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  /** The environment of a start: HOME is empty, the cache is not there yet. */
  get env(): Record<string, string> {
    return {
      PATH: `${this.dir}/bin:/usr/bin:/bin`,
      HOME: `${this.dir}/home`,
      XDG_CACHE_HOME: `${this.dir}/cache`,
      TMPDIR: `${this.dir}/tmp`,
    };
  }

  /** Puts a script in the place of a program that the file's script calls. */
  shim(name: string, script: string): void {
    Deno.mkdirSync(`${this.dir}/bin`, { recursive: true });
    Deno.writeTextFileSync(`${this.dir}/bin/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** All programs are the real ones again. */
  unshim(): void {
    Deno.removeSync(`${this.dir}/bin`, { recursive: true });
  }

  /** What lies in a place, sorted; empty when it is not there. */
  entries(place = this.cache): string[] {
    try {
      return [...Deno.readDirSync(place)].map(({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#world[Symbol.dispose]();
  }
}
