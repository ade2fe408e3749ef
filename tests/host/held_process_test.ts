import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { HeldSpawner } from "../../src/host/held_process.ts";
import type { HeldProcess, HeldRequest, OutputName } from "../../src/host/held_process.ts";
import { PosixSpawner } from "../../src/host/posix_spawn.ts";
import { withoutSubreaper } from "../support/subreaper.ts";
import type { ProcessEnd } from "../../src/host/spawner.ts";

/** The longest that anything here takes, in ms. */
const LIMIT_MS = 10_000;

/** Both spawners: one starts, the other sees the end. */
class Bench implements AsyncDisposable {
  readonly held = new HeldSpawner();
  readonly #reaper = withoutSubreaper(new PosixSpawner());
  readonly #ends = new Map<number, ProcessEnd>();
  readonly #started: HeldProcess[] = [];

  start(script: string, more: Partial<HeldRequest> = {}): Running {
    const process = this.held.start({
      path: "/bin/sh",
      argv: ["sh", "-c", script],
      env: ["PATH=/usr/bin:/bin", "TERM=dumb"],
      cwd: "/tmp",
      terminal: null,
      ...more,
    });
    this.#started.push(process);
    return new Running(process);
  }

  async end(process: HeldProcess): Promise<ProcessEnd> {
    const giveUp = performance.now() + LIMIT_MS;
    for (;;) {
      for (const end of this.#reaper.reap()) this.#ends.set(end.pid, end);
      const end = this.#ends.get(process.pid);
      if (end !== undefined) return end;
      assert(performance.now() < giveUp, "the process did not end");
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#reaper.onChildEnd(resolve);
      const timer = setTimeout(resolve, 100);
      await promise;
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#started) process.close();
    await this.held.close();
    this.#reaper.close();
  }
}

/** What a process wrote, and what it is still to be given. */
class Running {
  readonly process: HeldProcess;
  readonly text = { stdout: "", stderr: "" };
  readonly bytes: Uint8Array[] = [];
  #input: Uint8Array<ArrayBuffer> | null = null;
  #ended = new Set<OutputName>();
  #wake: () => void = () => {};
  readonly #buffer = new Uint8Array(64 * 1024);

  constructor(process: HeldProcess) {
    this.process = process;
    process.onReady(() => this.#move());
    for (const name of process.outputs) process.wantOutput(name, true);
  }

  type(text: string): void {
    this.give(new TextEncoder().encode(text));
  }

  give(bytes: Uint8Array<ArrayBuffer>): void {
    this.#input = bytes;
    this.process.wantInput(true);
  }

  async until(done: () => boolean, what: string): Promise<void> {
    const giveUp = performance.now() + LIMIT_MS;
    while (!done()) {
      if (performance.now() > giveUp) {
        throw new Error(`no ${what}: ${JSON.stringify(this.text.stdout.slice(-1_000))}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  printed(pattern: RegExp): Promise<void> {
    return this.until(() => pattern.test(this.text.stdout), String(pattern));
  }

  over(): Promise<void> {
    return this.until(() => this.#ended.size === this.process.outputs.length, "end of its output");
  }

  #move(): void {
    if (this.#input !== null) {
      const moved = this.process.write(this.#input);
      if (typeof moved === "number") this.#input = this.#input.subarray(moved);
      if (moved === "end" || this.#input.length === 0) {
        this.#input = null;
        this.process.wantInput(false);
        this.process.endInput();
      }
    }
    for (const name of this.process.outputs) {
      const moved = this.process.read(name, this.#buffer);
      if (moved === "end") {
        this.#ended.add(name);
        this.process.wantOutput(name, false);
      } else if (moved !== "again") {
        this.bytes.push(this.#buffer.slice(0, moved));
        this.text[name] += new TextDecoder().decode(this.#buffer.subarray(0, moved));
      }
    }
    this.#wake();
  }
}

const TERMINAL = { rows: 24, columns: 80 };

Deno.test("at pipes stdout and stderr stay apart and the exit code is exact", async () => {
  await using bench = new Bench();
  const running = bench.start("echo out; echo err >&2; exit 7");
  await running.over();
  assertEquals(running.text, { stdout: "out\n", stderr: "err\n" });
  assertEquals((await bench.end(running.process)).code, 7);
});

Deno.test("ten megabytes go through stdin and stdout without loss", async () => {
  await using bench = new Bench();
  const running = bench.start("exec cat");
  const bytes = new Uint8Array(10 * 1024 * 1024);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 31 + (at >> 11)) & 0xff;
  running.give(bytes);
  await running.over();
  const back = new Uint8Array(await new Blob(running.bytes as BlobPart[]).arrayBuffer());
  assertEquals(back.length, bytes.length);
  assert(back.every((byte, at) => byte === bytes[at]), "bytes differ");
  assertEquals((await bench.end(running.process)).code, 0);
});

Deno.test("a process at a terminal has it as its controlling one, with the size it was given", async () => {
  await using bench = new Bench();
  const running = bench.start("tty; stty size; echo typed >/dev/tty; read x", {
    terminal: TERMINAL,
  });
  await running.printed(/typed/);
  assertMatch(running.text.stdout, /^\/dev\/pts\/\d+\r\n24 80\r\ntyped\r\n/);
  running.type("\n");
  await running.over();
  assertEquals((await bench.end(running.process)).code, 0);
});

Deno.test("a new size of the terminal is seen by its foreground", async () => {
  await using bench = new Bench();
  const running = bench.start(
    "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.02; done",
    {
      terminal: TERMINAL,
    },
  );
  await running.printed(/ready/);
  running.process.resize({ rows: 33, columns: 101 });
  await running.over();
  assertMatch(running.text.stdout, /33 101/);
  assertEquals((await bench.end(running.process)).code, 0);
});

Deno.test("Ctrl-C at the terminal ends the foreground and not the shell around it", async () => {
  await using bench = new Bench();
  const running = bench.start("", {
    path: "/bin/sh",
    argv: ["sh", "-i"],
    terminal: TERMINAL,
  });
  // The foreground itself says that it is there: before that Ctrl-C is the shell's, which ignores it.
  const inner = "trap 'exit 33' INT; echo be''gun; while :; do sleep 0.02; done";
  running.type(`sh -c "${inner}"; echo code=$?; exit 5\n`);
  await running.printed(/begun/);
  running.type("\x03");
  await running.printed(/code=33/);
  assertEquals((await bench.end(running.process)).code, 5);
});

Deno.test("closing a terminal hangs up on whoever is at it", async () => {
  await using bench = new Bench();
  const running = bench.start("echo ready; exec sleep 600", { terminal: TERMINAL });
  await running.printed(/ready/);
  running.process.close();
  assertEquals((await bench.end(running.process)).signal, 1);
});

Deno.test("a command that cannot be started leaves no descriptor and says why", async () => {
  await using bench = new Bench();
  const before = [...Deno.readDirSync("/proc/self/fd")].length;
  for (const terminal of [null, TERMINAL]) {
    const error = assertThrows(
      () => bench.start("", { path: "/no/such", argv: ["/no/such"], terminal }),
      IrisError,
    );
    assertEquals(error.message, "Cannot start /no/such: no such file");
  }
  assertEquals([...Deno.readDirSync("/proc/self/fd")].length, before);
});
