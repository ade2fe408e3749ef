/** What every way of starting processes promises (`src/host/spawner.ts`). */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { isAlive } from "../../src/host/proc.ts";
import { peakBytesOf } from "../../src/host/usage.ts";
import type { ProcessEnd, Spawner, SpawnRequest } from "../../src/host/spawner.ts";

/** Time for a process to end on a busy machine, in ms. */
const WAIT_MS = 10_000;
const O_CLOEXEC = 0o2000000;
const PATH = "PATH=/usr/bin:/bin";

/** A spawner in a folder of its own. */
class Bench {
  readonly folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "iris-spawner-" }));
  readonly spawner: Spawner;
  readonly ends = new Map<number, ProcessEnd>();
  #wake: (() => void) | null = null;

  constructor(make: () => Spawner) {
    this.spawner = make();
    this.spawner.onChildEnd(() => this.#collect());
  }

  request(argv: readonly string[], more: Partial<SpawnRequest> = {}): SpawnRequest {
    return {
      path: argv[0] ?? "",
      argv,
      env: [PATH],
      cwd: this.folder,
      stdoutPath: `${this.folder}/out`,
      stderrPath: `${this.folder}/err`,
      ...more,
    };
  }

  /** Runs a shell script to its end, and answers with how it ended and what it said. */
  async shell(script: string, more: Partial<SpawnRequest> = {}) {
    const request = this.request(["/bin/sh", "-c", script], more);
    const end = await this.end(this.spawner.spawn(request));
    return { ...end, out: this.read("out"), err: this.read("err") };
  }

  async end(pid: number): Promise<ProcessEnd> {
    await this.until(() => this.ends.has(pid), `the end of ${pid}`);
    return this.ends.get(pid)!;
  }

  /** Waits for news of children until a condition holds. */
  async until(holds: () => boolean, what: string): Promise<void> {
    const giveUp = performance.now() + WAIT_MS;
    for (this.#collect(); !holds(); this.#collect()) {
      assert(performance.now() < giveUp, `${what} did not come within ${WAIT_MS} ms`);
      // News wakes at once; what no signal tells of is looked at again.
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 10);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  read(name: string): string {
    return Deno.readTextFileSync(`${this.folder}/${name}`);
  }

  close(): void {
    this.spawner.close();
    Deno.removeSync(this.folder, { recursive: true });
  }

  #collect(): void {
    for (const end of this.spawner.reap()) this.ends.set(end.pid, end);
    this.#wake?.();
  }
}

/** Registers the suite for one implementation. */
export function testSpawner(name: string, make: () => Spawner): void {
  const test = (sentence: string, fn: (bench: Bench) => Promise<void> | void) =>
    Deno.test(`a process started by ${name}: ${sentence}`, async () => {
      const bench = new Bench(make);
      try {
        await fn(bench);
      } finally {
        bench.close();
      }
    });
  identityTests(test);
  endTests(test);
  refusalTests(test);
  numberTests(test);
}

type Test = (sentence: string, fn: (bench: Bench) => Promise<void> | void) => void;

function identityTests(test: Test): void {
  test("a process leads a session and a group of its own", async (bench) => {
    const pid = bench.spawner.spawn(bench.request(["/bin/cat", "/proc/self/stat"]));
    await bench.end(pid);
    const fields = bench.read("out").split(" ");
    assertEquals(fields.slice(4, 6).map(Number), [pid, pid]);
    assertEquals(Number(fields[0]), pid);
  });

  test("both outputs are appended to their files, which are the user's alone", async (bench) => {
    Deno.writeTextFileSync(`${bench.folder}/out`, "before\n");
    const { out, err } = await bench.shell("echo one; echo two >&2");
    assertEquals([out, err], ["before\none\n", "two\n"]);
    assertEquals((Deno.statSync(`${bench.folder}/err`).mode ?? 0) & 0o777, 0o600);
    assertEquals((await bench.shell("echo more")).out, "before\none\nmore\n");
  });

  test("stdin is empty", async (bench) => {
    assertEquals((await bench.shell("readlink /proc/self/fd/0; wc -c")).out, "/dev/null\n0\n");
  });

  test("the environment is what was asked for and nothing else", async (bench) => {
    const env = ["A=1", "EMPTY=", "LONG=" + "x".repeat(20_000), "TEXT=ä = b\nc"];
    const extraEnv = ["N=7", "Z=ß"];
    const request = bench.request(["/bin/cat", "/proc/self/environ"], { env, extraEnv });
    await bench.end(bench.spawner.spawn(request));
    const lines = bench.read("out").split("\0").filter((line) => line !== "");
    // A shell on the way may have noted where it stands.
    const own = lines.filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line));
    assertEquals(own.sort(), [...env, ...extraEnv].sort());
  });

  test("arguments arrive as they are", async (bench) => {
    const words = ["", "a b", "c\nd", "'\"$(id)`", "ä€😀", "-n", "*"];
    const argv = ["/usr/bin/printf", "<%s>", ...words];
    await bench.end(bench.spawner.spawn(bench.request(argv)));
    assertEquals(bench.read("out"), words.map((word) => `<${word}>`).join(""));
  });

  test("the working directory is the one asked for", async (bench) => {
    Deno.mkdirSync(`${bench.folder}/ein ort`);
    const cwd = `${bench.folder}/ein ort`;
    assertEquals((await bench.shell("pwd -P", { cwd })).out, `${cwd}\n`);
  });

  test("no file of ours is open in a child, not even one that exec would keep", async (bench) => {
    // The plain way has no means against what its starter handed down without asking.
    const plain = bench.spawner.kind === "plain";
    const inherited = plain ? inheritedFds() : [];
    using held = Deno.openSync(`${bench.folder}/held`, { create: true, write: true });
    held.writeSync(new Uint8Array(1));
    const kept = plain ? null : keepAcrossExec("/dev/null");
    try {
      const { out } = await bench.shell("ls /proc/$$/fd");
      const open = out.trim().split("\n").filter((fd) => !inherited.includes(fd));
      assertEquals(open, ["0", "1", "2"]);
    } finally {
      kept?.();
    }
  });

  test("signals have their default meaning and none is blocked", async (bench) => {
    // Of itself: a shell blocks signals while it starts somebody else.
    const { out } = await bench.shell("exec grep -E 'Sig(Blk|Ign)' /proc/self/status");
    // The two lowest real-time signals are the C library's own (signal(7)); a test started by a
    // shell in the background may have inherited them ignored.
    const masks = out.trim().split("\n").map((line) => BigInt(`0x${line.split("\t")[1]}`));
    assertEquals(masks.map((mask) => mask & ~(0b11n << 31n)), [0n, 0n]);
  });
}

function endTests(test: Test): void {
  for (const code of [0, 1, 127, 255]) {
    test(`exit code ${code} is told exactly`, async (bench) => {
      const { code: told, signal } = await bench.shell(`exit ${code}`);
      assertEquals([told, signal], [code, null]);
    });
  }

  for (const [signal, number] of [["KILL", 9], ["TERM", 15], ["SEGV", 11], ["USR2", 12]] as const) {
    test(`death by SIG${signal} is told as signal ${number}`, async (bench) => {
      const { code, signal: told } = await bench.shell(`kill -${signal} $$; sleep 5`);
      assertEquals([code, told], [null, number]);
    });
  }

  test("what it used is told, where that is known", async (bench) => {
    const burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    // More than this process ever had: less cannot be told apart from it.
    const megabytes = Math.ceil(peakBytesOf(Deno.pid) / 1024 ** 2) + 100;
    const big = `dd if=/dev/zero of=/dev/null bs=${megabytes}M count=1 2>/dev/null`;
    const [busy, large, small] = [
      await bench.shell(burn),
      await bench.shell(big),
      await bench.shell(""),
    ];
    if (bench.spawner.kind === "plain") return assertEquals(busy.usage, undefined);
    assert(busy.usage!.cpuMs >= 10, JSON.stringify(busy.usage));
    assert(large.usage!.peakBytes! >= megabytes * 1024 ** 2, JSON.stringify(large.usage));
    assertEquals(small.usage!.peakBytes, null, "it had less than this process, which it came from");
  });

  test("a group is alive until the last of it is gone, its leader or not", async (bench) => {
    const { pid } = await bench.shell("sleep 600 & echo $! >child");
    const child = Number(bench.read("child"));
    assert(bench.spawner.groupAlive(pid));
    Deno.kill(-pid, "SIGKILL");
    await bench.until(() => !bench.spawner.groupAlive(pid), "the end of the group");
    assert(!isAlive(child));
  });

  test("orphans come back where it says so", async (bench) => {
    if (!bench.spawner.adoptsOrphans) return;
    await bench.shell("(setsid sh -c 'echo $$ >escaped; exec sleep 600' &)");
    await bench.until(() => existsSync(`${bench.folder}/escaped`), "the one that escapes");
    const escaped = Number(bench.read("escaped"));
    await bench.until(() => bench.spawner.children().includes(escaped), "it as our child");
    Deno.kill(escaped, "SIGKILL");
    assertEquals((await bench.end(escaped)).signal, 9);
  });

  test("an end that nobody was told of is still there to be reaped", async (bench) => {
    bench.spawner.onChildEnd(null);
    const pid = bench.spawner.spawn(bench.request(["/bin/true"]));
    assertEquals((await bench.end(pid)).code, 0);
  });
}

function refusalTests(test: Test): void {
  const refused = (bench: Bench, request: SpawnRequest, message: RegExp) => {
    const error = assertThrows(() => bench.spawner.spawn(request), IrisError);
    assertEquals(error.code, "launch");
    assertMatch(error.message, message);
    assertEquals(bench.spawner.children(), []);
  };

  test("an executable that is not there is a launch error", (bench) => {
    refused(bench, bench.request(["/no/such"]), /^Cannot start \/no\/such: no such file/);
  });

  test("a file that may not be executed is a launch error", (bench) => {
    const path = `${bench.folder}/plain.txt`;
    Deno.writeTextFileSync(path, "text", { mode: 0o600 });
    refused(bench, bench.request([path]), /not executable$/);
    refused(bench, bench.request([bench.folder]), /a directory$/);
  });

  test("a working directory that is none is a launch error that names it", (bench) => {
    refused(bench, bench.request(["/bin/true"], { cwd: "/no/dir" }), /directory \/no\/dir$/);
    const cwd = "/etc/passwd";
    refused(bench, bench.request(["/bin/true"], { cwd }), /\/etc\/passwd is not a directory$/);
  });

  test("an output folder that is not there is a launch error that names it", (bench) => {
    refused(bench, bench.request(["/bin/true"], { stderrPath: "/no/dir/err" }), /\/no\/dir/);
  });

  test("arguments beyond the kernel's limit are a launch error", (bench) => {
    // One argument may have 128 KiB (execve(2)).
    refused(bench, bench.request(["/bin/true", "x".repeat(200_000)]), /too long/i);
  });

  test("the next start works after one that was refused", async (bench) => {
    refused(bench, bench.request(["/no/such"]), /no such file/);
    assertEquals((await bench.shell("echo fine")).out, "fine\n");
  });
}

function numberTests(test: Test): void {
  test("200 at a time all end, each with its own code, and none stays a zombie", async (bench) => {
    const want = new Map<number, number>();
    const env = [PATH];
    for (let n = 0; n < 200; n++) {
      const argv = ["/bin/sh", "-c", "exit $N"];
      const pid = bench.spawner.spawn(bench.request(argv, { env, extraEnv: [`N=${n}`] }));
      want.set(pid, n);
    }
    await bench.until(() => bench.ends.size === 200, "the end of all");
    for (const [pid, code] of want) assertEquals(bench.ends.get(pid)?.code, code);
    assertEquals(bench.spawner.children(), []);
  });

  test("lines that differ from start to start are never mixed up", async (bench) => {
    const env = [PATH, "BASE=b"];
    const argv = ["/bin/sh", "-c", 'test "$BASE$A$B" = "b$N$N" && exit 0; exit 9'];
    for (let n = 0; n < 150; n++) {
      // Of changing length, and with garbage in between, so that memory moves.
      const text = `${n}-${"y".repeat((n * 37) % 900)}`;
      const extraEnv = [`N=${text}`, `A=${text}`, `B=${text}`];
      bench.spawner.spawn(bench.request(argv, { env, extraEnv }));
      new Uint8Array(1 << 20).fill(n);
    }
    await bench.until(() => bench.ends.size === 150, "the end of all");
    assertEquals([...bench.ends.values()].filter((end) => end.code !== 0), []);
  });
}

/** Opens a file that every child gets; answers with how to close it. */
function keepAcrossExec(path: string): () => void {
  const libc = Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const fd = libc.symbols.open(new TextEncoder().encode(`${path}\0`), 0);
  return () => {
    libc.symbols.close(fd);
    libc.close();
  };
}

/** Files that this test itself was started with: only closing every one keeps them from children. */
function inheritedFds(): string[] {
  const fds = [...Deno.readDirSync("/proc/self/fdinfo")].map((entry) => entry.name);
  return fds.filter((fd) => {
    try {
      const [, flags] = /^flags:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`)) ??
        [];
      return Number(fd) > 2 && (Number.parseInt(flags ?? "0", 8) & O_CLOEXEC) === 0;
    } catch {
      return false;
    }
  });
}

function existsSync(path: string): boolean {
  try {
    return Deno.statSync(path).size > 0;
  } catch {
    return false;
  }
}
