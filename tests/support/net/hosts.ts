/**
 * Several hosts on one machine: network namespaces with an address each, joined by a switch of our own
 * (`switch.c`) in which every direction between two hosts has its delay, its loss and its cut. Needs
 * root, TAP devices, `ip` and a C compiler.
 */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "../../../src/base/file_url.ts";
import { hasCommand } from "../require.ts";

const SOURCE = fromFileUrl(new URL("./switch.c", import.meta.url));
/** The longest a switch may take to say something, in ms. */
const ANSWER_MS = 10_000;

/** How frames travel in one direction. */
export interface Way {
  readonly delayMs?: number;
  /** Of 1,000 frames so many are lost. */
  readonly lossPermille?: number;
  readonly cut?: boolean;
}

/** One host. */
export interface Host {
  readonly index: number;
  readonly address: string;
  /** What comes in front of a command so that it runs on this host. */
  readonly command: readonly string[];
  /** Processes that run there. */
  pids(): number[];
  /** The machine is gone, with everything that ran there; nothing of it is said to anybody. */
  vanish(): Promise<void>;
}

/** Hosts, and what is between them. */
export interface Network {
  readonly hosts: readonly Host[];
  /** Says how frames travel from one host to another. */
  way(from: Host, to: Host, way: Way): Promise<void>;
  /** The same for both directions of some pairs; of all of them when none is named. */
  between(way: Way, ...pairs: readonly (readonly [Host, Host])[]): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Whether this machine can make networks. */
export async function canMakeNetworks(): Promise<boolean> {
  if (!await hasCommand("ip") || !await hasCommand("cc") || !await hasCommand("nsenter")) {
    return false;
  }
  await using network = await makeNetwork(2);
  return network.hosts.length === 2;
}

/** Makes a network of so many hosts, all well connected. The same seed loses the same frames. */
export async function makeNetwork(count: number, seed = 1): Promise<Network> {
  const folder = await Deno.makeTempDir({ prefix: "iris-net-" });
  const tag = folder.slice(-8).replaceAll(/\W/g, "x");
  const names = Array.from({ length: count }, (_, i) => `iris-${tag}-${i}`);
  const made: string[] = [];
  let wire: Wire | null = null;
  const undo = async () => {
    await wire?.close();
    for (const name of made) {
      for (const pid of pidsOf(name)) kill(pid);
      await run("ip", "netns", "del", name);
    }
    await Deno.remove(folder, { recursive: true });
  };
  try {
    await run("cc", "-O2", "-o", `${folder}/switch`, SOURCE);
    for (const name of names) {
      await run("ip", "netns", "add", name);
      made.push(name);
    }
    wire = await Wire.start([`${folder}/switch`, String(seed), ...names]);
    for (const [i, name] of names.entries()) {
      await run("ip", "-n", name, "addr", "add", `10.77.0.${i + 1}/24`, "dev", "tap0");
      await run("ip", "-n", name, "link", "set", "tap0", "up");
      await run("ip", "-n", name, "link", "set", "lo", "up");
    }
  } catch (error) {
    await undo();
    throw error;
  }
  const between = wire;
  const hosts = names.map((name, index): Host => ({
    index,
    address: `10.77.0.${index + 1}`,
    command: ["nsenter", `--net=/var/run/netns/${name}`, "--"],
    pids: () => pidsOf(name),
    async vanish() {
      for (let other = 0; other < count; other++) {
        if (other === index) continue;
        await between.way(index, other, { cut: true });
        await between.way(other, index, { cut: true });
      }
      while (pidsOf(name).map(kill).length > 0) await new Promise((done) => setTimeout(done, 5));
    },
  }));
  return {
    hosts,
    way: (from, to, way) => between.way(from.index, to.index, way),
    async between(way, ...pairs) {
      const all = hosts.flatMap((a) => hosts.filter((b) => b.index > a.index).map((b) => [a, b]));
      for (const [a, b] of pairs.length > 0 ? pairs : all) {
        await between.way(a!.index, b!.index, way);
        await between.way(b!.index, a!.index, way);
      }
    },
    [Symbol.asyncDispose]: undo,
  };
}

/** The switch as a process. */
class Wire {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: ReadableStreamDefaultReader<string>;
  #text = "";
  #asking: Promise<unknown> = Promise.resolve();

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#stdout = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async start([command = "", ...args]: readonly string[]): Promise<Wire> {
    const options = { args, stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
    const wire = new Wire(new Deno.Command(command, options).spawn());
    try {
      assertEquals(await wire.#line(), "ready");
      return wire;
    } catch (error) {
      await wire.close();
      throw error;
    }
  }

  way(
    from: number,
    to: number,
    { delayMs = 0, lossPermille = 0, cut = false }: Way,
  ): Promise<void> {
    const line = `link ${from} ${to} ${delayMs} ${lossPermille} ${cut ? 1 : 0}\n`;
    const asked = this.#asking.then(async () => {
      await this.#stdin.write(new TextEncoder().encode(line));
      assertEquals(await this.#line(), "ok");
    });
    this.#asking = asked.catch(() => {});
    return asked;
  }

  async close(): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.#child.status;
    await this.#stdout.cancel();
  }

  async #line(): Promise<string> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("the switch says nothing")), ANSWER_MS);
    try {
      while (!this.#text.includes("\n")) {
        const { value, done } = await Promise.race([this.#stdout.read(), late.promise]);
        if (done) throw new Error("the switch is gone");
        this.#text += value;
      }
    } finally {
      clearTimeout(timer);
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args, stdout: "null" }).output();
  if (success) return;
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Processes whose network is that of a namespace. */
function pidsOf(name: string): number[] {
  const pids: number[] = [];
  const inode = Deno.statSync(`/var/run/netns/${name}`).ino;
  for (const { name: pid } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const link = Deno.readLinkSync(`/proc/${pid}/ns/net`);
      if (link === `net:[${inode}]` && !isZombie(pid)) pids.push(Number(pid));
    } catch {
      // Gone in the meantime.
    }
  }
  return pids;
}

function isZombie(pid: string): boolean {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) === "Z";
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // Gone in the meantime.
  }
}
