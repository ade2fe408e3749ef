/**
 * A real keeper as a child process, in a world of its own. Knows how to find what its tasks left
 * anywhere on the machine, and ends it.
 */
import { assert } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { socketPathFor } from "../../src/host/socket_path.ts";
import type { KeeperLink, KeeperSpec } from "../../src/worker/keeper_link.ts";
import { connectKeeper } from "../../src/worker/keeper/keeper_client.ts";
import type { KeeperMainOptions } from "../../src/worker/keeper/keeper_main.ts";
import { makeWorld, type World } from "./iris_process.ts";

const ENTRY = fromFileUrl(new URL("./keeper_entry.ts", import.meta.url));
/** Time to connect, in ms. */
const CONNECT_MS = 10_000;

/** A keeper that runs. */
export interface RunningKeeper {
  readonly pid: number;
  /** From its start to its `ready`, in ms. */
  readonly readyMs: number;
  /** Resolves to how it ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** What its owner does when it goes. */
  closeStdin(): Promise<void>;
}

/** Folders, names and links of one worker's keepers. */
export class KeeperWorld implements AsyncDisposable {
  readonly world: World = makeWorld();
  readonly folder = `${this.world.dir}/worker`;
  readonly cluster = `c${this.world.tag}`;
  readonly worker = "w0";
  readonly #keepers: RunningKeeper[] = [];
  readonly #links: KeeperLink[] = [];

  constructor() {
    Deno.mkdirSync(this.folder);
  }

  /** The command that starts a keeper of this world. */
  command(options: Partial<KeeperMainOptions> = {}): string[] {
    const all: KeeperMainOptions = {
      cluster: this.cluster,
      worker: this.worker,
      folder: this.folder,
      socket: socketPathFor(this.folder),
      version: "0.0.0",
      ownerGone: "end",
      graceMs: 2_000,
      spawner: "auto",
      cgroup: null,
      ...options,
    };
    return [Deno.execPath(), "run", "-A", "-q", "--no-check", ENTRY, JSON.stringify(all)];
  }

  /** Starts a keeper and waits until it is ready. */
  async start(options: Partial<KeeperMainOptions> = {}): Promise<RunningKeeper> {
    const [path, ...args] = this.command(options);
    const from = performance.now();
    const child = new Deno.Command(path!, {
      args,
      env: this.world.env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      detached: true,
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const line = new TextDecoder().decode(value);
    assert(line.startsWith(`ready ${child.pid} `), `no ready line: ${line}`);
    const readyMs = performance.now() - from;
    let closing: Promise<void> | null = null;
    const closeStdin = () => closing ??= child.stdin.close().catch(() => {});
    const ended = (async () => {
      while (!(await reader.read()).done);
      const status = await child.status;
      await closeStdin();
      return status;
    })();
    const keeper = { pid: child.pid, readyMs, ended, closeStdin };
    this.#keepers.push(keeper);
    return keeper;
  }

  /** Connects to the keeper that listens. */
  async connect(): Promise<KeeperLink> {
    const { signal } = new AbortController();
    const socket = socketPathFor(this.folder);
    const options = { clock: systemClock, timeoutMs: CONNECT_MS, signal };
    const link = await connectKeeper(socket, options);
    this.#links.push(link);
    return link;
  }

  /** Processes of this world that live, one line each. */
  survivors(): string[] {
    return this.world.survivors();
  }

  /** Waits until nothing of this world lives, or a few seconds passed; answers with what is left. */
  async settled(ms = 5_000): Promise<string[]> {
    const giveUp = performance.now() + ms;
    while (this.survivors().length > 0 && performance.now() < giveUp) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return this.survivors();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.#links) link.close();
    for (const keeper of this.#keepers) {
      await keeper.closeStdin();
      const timer = setTimeout(() => Deno.kill(keeper.pid, "SIGKILL"), 5_000);
      await keeper.ended;
      clearTimeout(timer);
    }
    this.world[Symbol.dispose]();
  }
}

/** A job of generation 1 that runs a shell script. */
export function shellSpec(script: string, more: Partial<KeeperSpec> = {}): KeeperSpec {
  return {
    generation: 1,
    argv: ["/bin/sh", "-c", script],
    env: { PATH: "/usr/bin:/bin" },
    job: "/u/job",
    cwd: null,
    cpuMilli: 100,
    memoryBytes: 0,
    graceMs: 300,
    timeoutMs: null,
    ...more,
  };
}
