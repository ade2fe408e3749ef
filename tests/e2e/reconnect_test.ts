/** Connections between a controller and its workers that break, again and again. */
import { assertEquals, assertLess } from "@std/assert";
import { IrisClient } from "../../src/client/iris_client.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { within } from "../support/until.ts";

const FULL = Deno.env.get("IRIS_FULL") === "1";
/** How often a connection is broken. */
const CUTS = FULL ? 1_000 : 200;
const UP_MS = 30_000;
const LIMIT_MS = 150_000;
/** What a controller may have more at the end than after the first cuts. */
const MORE_FILES = 15;
const MORE_BYTES = 80 * 1024 * 1024;

/** Passes connections on to a port, and breaks each: as a call is under way, or after an answer. */
class BreakingProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  readonly #open = new Set<Promise<void>>();
  readonly #target: number;
  breaks = true;
  cuts = 0;
  #count = 0;

  constructor(target: number) {
    this.#target = target;
    this.#serving = this.#serve();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    await Promise.all(this.#open);
  }

  async #serve(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        const passing = this.#pass(connection).catch(() => {});
        this.#open.add(passing);
        passing.finally(() => this.#open.delete(passing));
      }
    } catch {
      // Closed.
    }
  }

  async #pass(near: Deno.Conn): Promise<void> {
    const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target })
      .catch(() => null);
    if (far === null) return near.close();
    const midCall = this.#count++ % 2 === 0;
    const close = () => {
      for (const one of [near, far]) {
        try {
          one.close();
        } catch {
          // The other direction was first.
        }
      }
    };
    const copy = async (from: Deno.Conn, to: Deno.Conn, cutsAfter: boolean) => {
      const buffer = new Uint8Array(65_536);
      try {
        for (let size; (size = await from.read(buffer)) !== null;) {
          for (let at = 0; at < size;) at += await to.write(buffer.subarray(at, size));
          if (!cutsAfter || !this.breaks) continue;
          this.cuts++;
          break;
        }
      } catch {
        // Broken from the other side.
      }
      close();
    };
    await Promise.all([copy(near, far, midCall), copy(far, near, !midCall)]);
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}

function sizeOf(pid: number): { files: number; bytes: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
  return { files: [...Deno.readDirSync(`/proc/${pid}/fd`)].length, bytes: kib * 1024 };
}

const until = (what: string, holds: () => boolean | Promise<boolean>) =>
  within(LIMIT_MS)(holds, what);

Deno.test(
  `${CUTS} broken connections cost no task, and no file or memory of either side`,
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = startIris(world, [
      ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
    ]);
    const [, url = ""] = await controller.printed(/^(http:\S+)$/m, UP_MS);
    const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
    const client = new IrisClient({ url, token, user: "u" });
    const port = freePort();
    await using proxy = new BreakingProxy(port);
    const worker = startIris(world, [
      ...["--mode=worker", `--controller=${url}`, `--token-file=${world.stateDir}/worker-token`],
      ...["--name=w0", "--cpu=2", `--state-dir=${world.dir}/w0`, "--stop-timeout=3s"],
      ...[`--port=${port}`, `--advertise=127.0.0.1:${proxy.port}`],
    ]);
    await until("the worker is there", async () => (await client.workers()).length === 1);
    // Something to talk about all the time.
    const argv = ["sleep", "0.1"];
    await client.submit({ name: "busy", argv, replicas: 100_000, cpuMilli: 500 });
    await until("the first cuts", () => proxy.cuts >= CUTS / 5);
    const before = [controller, worker].map(({ pid }) => sizeOf(pid));
    await until("all cuts", () => proxy.cuts >= CUTS);
    proxy.breaks = false;
    await client.submit({ name: "last", argv: ["true"], replicas: 10, band: "production" });
    assertEquals((await client.wait("/u/last", AbortSignal.timeout(UP_MS))).state, "SUCCEEDED");
    const after = [controller, worker].map(({ pid }) => sizeOf(pid));
    const job = await client.job("/u/busy");
    assertEquals([job.counts.FAILED, job.counts.WORKER_FAILED], [undefined, undefined]);
    const { events } = await client.eventPage({ after: "oldest", limit: 1_000 });
    const retried = events.filter(({ kind }) => kind === "task_retried");
    assertEquals(retried, [], "no task is charged for a connection");
    for (const [at, who] of ["controller", "worker"].entries()) {
      const [a, b] = [before[at]!, after[at]!];
      assertLess(b.files, a.files + MORE_FILES, `${who}: ${a.files} files before`);
      assertLess(b.bytes, a.bytes + MORE_BYTES, `${who}: ${a.bytes} bytes before`);
    }
    console.log(`# ${proxy.cuts} cuts: ${JSON.stringify({ before, after })}`);
    await client.stopJob("/u/busy");
    for (const process of [worker, controller]) {
      Deno.kill(process.pid, "SIGTERM");
      await process.ended;
    }
    assertEquals(world.survivors(), []);
  },
);
