/** A reader of a page: types what it shows, in one folder and one home, and looks at what comes of it. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { type DocBlock, endOf, fileOf, missingLines, placeOf, staysUp } from "./doc_blocks.ts";
import type { World } from "./iris_process.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const UP_MS = 60_000;
/** What one block may take. */
const BLOCK_MS = 120_000;

/** One page at work. */
export class DocReader {
  readonly #world: World;
  readonly #env: Record<string, string>;
  readonly #staying: { child: Deno.ChildProcess; drained: Promise<unknown> }[] = [];

  constructor(world: World) {
    this.#world = world;
    const bin = `${world.dir}/bin`;
    Deno.mkdirSync(bin);
    Deno.mkdirSync(`${world.dir}/here`);
    // Other clusters of this machine may have the port that is the default.
    const anyPort =
      'case "$*" in *--port*) ;; *--mode=local* | *--mode=controller*) set -- "$@" --port 0 ;; esac';
    const command = `'${Deno.execPath()}' run -A -q '${MAIN}' "$@"`;
    // A reader takes longer from one command to the next than a task to begin; a busy machine may not.
    const patient = `if [ "$1 $2" = "task exec" ]; then for try in 1 2 3 4 5 6 7 8 9 10; do
      ${command} >"$TMPDIR/said" 2>&1; code=$?
      grep -q "is not running: it is [AB]" "$TMPDIR/said" || break; sleep 1
    done; cat "$TMPDIR/said"; rm "$TMPDIR/said"; exit $code; fi`;
    // ... and than a VM that has its worker to be told of everywhere.
    const vms = `case "$1 $2" in "vm list" | "vm logs" | "vm explain") sleep 1
      for try in 1 2 3 4 5 6 7 8 9 10; do
        ${command.replace('"$@"', "vm list")} | grep -qE "REQUESTED|BOOTING|INITIALIZING" || break
        sleep 1
      done ;; esac`;
    const iris = `${anyPort}\n${patient}\n${vms}\nexec ${command}`;
    writeProgram(`${bin}/iris`, iris);
    writeProgram(`${bin}/npx`, `[ "$3 $4" = "task iris" ] || exit 9\nshift 4\nexec iris "$@"`);
    this.#env = { ...world.env, PATH: `${bin}:${world.env.PATH}`, IRIS_USER: "ada" };
  }

  /** Writes or runs a block. @param expected what the page shows below it, or null */
  async follow(block: DocBlock, expected: string | null): Promise<void> {
    const file = fileOf(block);
    if (file !== null) return Deno.writeTextFileSync(`${this.#world.dir}/here/${file}`, block.text);
    if (block.language !== "sh") return;
    if (staysUp(block)) return await this.#startUp(block);
    const { code, said } = await this.#run(block);
    assertEquals(code, endOf(block), `${placeOf(block)}: ${block.text}${said}`);
    const missing = expected === null ? [] : missingLines(expected, said);
    assertEquals(missing, [], `${placeOf(block)}: what came was\n${said}`);
  }

  async #run(block: DocBlock): Promise<{ code: number; said: string }> {
    const child = this.#spawn(`exec 2>&1\n${block.text}`);
    const timer = setTimeout(() => child.kill("SIGKILL"), BLOCK_MS);
    const { code, stdout } = await child.output();
    clearTimeout(timer);
    return { code, said: new TextDecoder().decode(stdout) };
  }

  async #startUp(block: DocBlock): Promise<void> {
    const child = this.#spawn(
      block.text.replace(/^(?:exec )?(\S*iris|npx .*) --mode=/m, "exec $1 --mode="),
    );
    const errors = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const timer = setTimeout(() => child.kill("SIGKILL"), UP_MS);
    const { value } = await reader.read();
    clearTimeout(timer);
    const rest = (async () => {
      while (!(await reader.read()).done);
      await errors;
    })();
    this.#staying.push({ child, drained: rest });
    if (value === undefined) throw new Error(`${placeOf(block)} does not come up: ${await errors}`);
  }

  #spawn(script: string): Deno.ChildProcess {
    return new Deno.Command("sh", {
      args: ["-ec", script],
      ...{ cwd: `${this.#world.dir}/here`, env: this.#env, clearEnv: true },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
  }

  /** Ends what a page left up, newest first. */
  async close(): Promise<void> {
    for (const { child, drained } of this.#staying.reverse()) {
      try {
        child.kill("SIGTERM");
      } catch {
        // The page has stopped it.
      }
      await drained;
      await child.status;
    }
  }
}

function writeProgram(path: string, script: string): void {
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
